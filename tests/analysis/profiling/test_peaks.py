import os
import threading

import numpy as np
import pytest

from resnet_tf.analysis.profiling import peaks
from resnet_tf.analysis.profiling.peaks import (
    Peaks,
    device_copy,
    host_copy,
    peak_works,
    product,
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(peaks, "SIDE", 8)
    monkeypatch.setattr(peaks, "BYTES", 2**12)


def test_the_loops_and_their_amounts():
    amounts = {name: work.amount for name, work in peak_works().items()}
    assert amounts == {"float32": 1024, "bfloat16": 1024, "copy": 4096}


@pytest.mark.parametrize("make", [host_copy, device_copy, lambda: product("bfloat16")])
def test_the_loops_run(make):
    make().run(2)


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_the_copy_uses_one_thread_per_core(cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    rows = []
    monkeypatch.setattr(np, "copyto", lambda target, source: rows.append(source.nbytes))
    host_copy().run(1)
    assert rows == [4096 // cores] * cores


def test_the_copy_leaves_no_threads():
    before = threading.active_count()
    host_copy().run(2)
    assert threading.active_count() == before


def test_cores_without_a_known_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert host_copy().amount == 3 * (4096 // 3 // 4) * 4


def test_the_best_turn_counts_and_a_copied_byte_counts_twice():
    found = Peaks.of(
        {"float32": [1.0, 3.0, 2.0], "bfloat16": [5.0, 4.0], "copy": [7.0, 8.0]}
    )
    assert found == Peaks({"float32": 3.0, "bfloat16": 5.0}, 8.0)
    assert found.moved == 16.0
