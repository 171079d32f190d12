import pytest

from resnet_tf.analysis.profiling.layers import Layer
from resnet_tf.analysis.profiling.peaks import Peaks
from resnet_tf.analysis.profiling.roofline import bounds, step_operations

# 100 operations per second in float32, 200 in bfloat16; 2 x 25 bytes moved per second.
PEAKS = Peaks({"float32": 100.0, "bfloat16": 200.0}, 25.0)


def layer(kind, macs=0, moved=0):
    return Layer(kind, "", (1, 1, 1), macs, moved)


def test_training_has_three_passes():
    found = [layer("conv", 50), layer("dense", 7), layer("add")]
    assert step_operations(found, "inference") == 2 * 57
    assert step_operations(found, "train") == 6 * 57


@pytest.mark.parametrize(
    ("work", "precision", "arithmetic", "memory", "bound_by"),
    [
        ("inference", "float32", 4.0, 2.0, "arithmetic"),
        ("inference", "bfloat16", 2.0, 2.0, "arithmetic"),
        ("train", "float32", 12.0, 6.0, "arithmetic"),
    ],
)
def test_a_convolution(work, precision, arithmetic, memory, bound_by):
    (found,) = bounds([layer("conv", 200, 100)], PEAKS, precision, work)
    assert (found.arithmetic_seconds, found.memory_seconds) == (arithmetic, memory)
    assert (found.seconds, found.bound_by) == (max(arithmetic, memory), bound_by)


@pytest.mark.parametrize(
    ("kind", "passes"),
    [("conv", 3), ("dense", 3), ("batch norm", 2.5), ("add", 1), ("pool", 2)],
)
def test_bytes_of_a_training_step(kind, passes):
    (found,) = bounds([layer(kind, 0, 100)], PEAKS, "float32", "train")
    assert found.bytes == passes * 100
    assert (found.seconds, found.bound_by) == (passes * 2.0, "memory")


def test_equal_layers_share_a_row_and_the_longest_comes_first():
    small, large = layer("add", 0, 50), layer("conv", 200, 100)
    found = bounds([small, large, large, small], PEAKS, "float32", "inference")
    assert [(row.layer, row.count, row.seconds) for row in found] == [
        (large, 2, 8.0),
        (small, 2, 2.0),
    ]
    assert (found[0].operations, found[0].bytes) == (800, 200)
