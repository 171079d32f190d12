"""Tests the settings of our loops; nothing runs."""

import pytest
from harness import ours
from harness.loop import OURS, Loop, loops


@pytest.fixture
def told(monkeypatch):
    """Returns a list of the settings on four cores: "one" thread, then the lanes."""
    seen = []
    monkeypatch.setattr(ours, "cores", lambda: 4)
    monkeypatch.setattr(ours, "import_tensorflow", lambda: None)
    monkeypatch.setattr(ours, "one_thread_an_operation", lambda: seen.append("one"))
    for name in ("_training", "_inference"):
        monkeypatch.setattr(ours, name, lambda spec: seen.append(spec.get("lanes", 1)))
    return seen


@pytest.mark.parametrize(
    ("work", "variant", "batch", "expected"),
    [
        ("train", "step", 128, [1]),
        ("train", "lanes", 128, ["one", 4]),
        ("train", "lanes", 6, ["one", 3]),  # which divides the batch
        ("train", "native lanes", 128, ["one", 4]),
        ("inference", "lanes", 6, ["one", 4]),
        ("inference", "optimized", 128, [1]),
    ],
)
def test_one_lane_per_core(told, work, variant, batch, expected):
    ours.make({"work": work, "variant": variant, "batch": batch})
    assert told == expected


@pytest.mark.parametrize("lanes", [1, 2])
def test_lanes_are_set_in_the_config(lanes):
    spec = {"work": "train", "model": "resnet20", "precision": "bfloat16"}
    config = ours._config(spec | {"batch": 8, "dataset": "", "lanes": lanes})
    assert config.train.lanes == lanes and config.train.train_batch_size == 8


@pytest.mark.parametrize(
    ("variant", "cpu", "expected"),
    [
        ("step", "avx2", "tensorflow"),
        ("lanes", "", "tensorflow"),
        ("native", "", "native"),
        ("native lanes", "avx2", "native_avx2"),
    ],
)
def test_kernels_of_a_variant(variant, cpu, expected):
    spec = {"work": "train", "model": "uva_googlenet", "precision": "float32"}
    spec |= {"batch": 8, "dataset": "", "variant": variant, "cpu": cpu}
    assert ours._config(spec).train.kernels == expected


def test_native_kernels_have_no_bfloat16():
    found = {(loop.precision, loop.variant) for loop in loops("train", "resnet20", 8)}
    assert ("float32", "native lanes") in found
    assert not found & {("bfloat16", "native"), ("bfloat16", "native lanes")}


def test_lanes_of_training_are_not_in_a_quick_run():
    wanted = Loop("train", "resnet20", OURS, "float32", "lanes", 8)
    assert wanted in loops("train", "resnet20", 8)
    assert wanted not in loops("train", "resnet20", 8, quick=True)
