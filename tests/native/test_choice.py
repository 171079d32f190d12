import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.native import choice


@pytest.fixture
def machine(monkeypatch):
    """Returns a function that simulates a machine."""

    def play(instructions=native.INSTRUCTIONS, reason=None, gpus=()):
        monkeypatch.setattr(choice, "reason", lambda: reason)
        monkeypatch.setattr(choice, "supports", lambda name: name in instructions)
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: list(gpus))

    return play


@pytest.mark.parametrize(
    ("kernels", "able", "instructions", "expected"),
    [
        ("auto", True, ("avx512", "avx2", "baseline"), "native_avx512"),
        ("auto", True, ("avx2", "baseline"), "native_avx2"),
        ("auto", True, ("baseline",), "native_baseline"),
        ("auto", False, ("avx512", "avx2", "baseline"), "tensorflow"),
        ("native", True, ("avx2", "baseline"), "native_avx2"),
        ("native_baseline", True, ("avx2", "baseline"), "native_baseline"),
        ("tensorflow", True, ("avx2", "baseline"), "tensorflow"),
    ],
)
def test_the_best_instructions_compute(machine, kernels, able, instructions, expected):
    machine(instructions)
    assert native.obstacle(kernels) is None
    assert native.resolved(kernels, able) == expected


def test_without_the_library_tensorflow_computes(machine):
    machine(reason="they were not compiled")
    assert native.resolved("auto", True) == "tensorflow"
    assert native.obstacle("native") == "they were not compiled"
    assert native.obstacle("tensorflow") is native.obstacle("auto") is None


def test_on_a_gpu_tensorflow_computes(machine):
    machine(gpus=["GPU:0"])
    assert native.resolved("auto", True) == "tensorflow"
    assert native.obstacle("native_avx2").startswith("a GPU computes")


def test_instructions_that_the_cpu_does_not_have(machine):
    machine(("avx2", "baseline"))
    assert native.obstacle("native_avx512") == (
        "this CPU does not have the instructions avx512"
    )


@pytest.mark.skipif(not native.available(), reason="no native kernels")
def test_supports_does_not_change_the_instructions():
    before = native.instructions()
    assert choice.supports("baseline") and not choice.supports("mmx")
    assert native.instructions() == before
