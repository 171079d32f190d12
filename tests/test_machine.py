import os
from pathlib import Path

import pytest

from resnet_tf import machine

X86 = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: sse avx2 {}\nflags\t: no\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd {}\n"


@pytest.fixture
def cpuinfo(monkeypatch):
    """Returns a function that sets the content of /proc/cpuinfo."""

    def set_text(text):
        monkeypatch.setattr(Path, "read_text", lambda path: text)

    return set_text


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone has it")
def test_cores_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7})
    assert machine.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores() == 6


def test_name_and_flags(cpuinfo):
    cpuinfo(X86.format("fma"))
    assert machine.cpu_name() == "AMD EPYC"
    assert machine.cpu_flags() == ["avx2", "fma", "sse"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86.format("avx512f"), False),
        (X86.format("avx512_bf16"), True),
        (X86.format("amx_bf16"), True),
        (ARM.format("sve"), False),
        (ARM.format("bf16"), True),
        ("", True),
    ],
)
def test_bfloat16(text, expected, cpuinfo):
    cpuinfo(text)
    assert machine.has_bfloat16() is expected


def test_outside_linux(monkeypatch):
    def refuse(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert machine.cpu_flags() == [] and machine.has_bfloat16()
    assert machine.cpu_name()
