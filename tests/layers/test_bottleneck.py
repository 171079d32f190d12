import numpy as np
import pytest

from resnet_tf.layers import PreActBottleneckBlock
from tests.layers.by_hand import convolve
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 8, 8, 8)).astype("float32")


# Parameters of a block of 8 channels: BN, 1x1 to 2, BN, 3x3, BN, 1x1 to 8.
IDENTITY = 16 + 8 * 2 + 4 + 9 * 4 + 4 + 2 * 8
PROJECTION = 16 + 8 * 4 + 8 + 9 * 16 + 8 + 4 * 16 + 8 * 16


@pytest.mark.parametrize(
    ("arguments", "shape", "trainable", "buffers"),
    [
        ({"filters": 8}, (2, 8, 8, 8), IDENTITY, 16 + 4 + 4),
        (
            {"filters": 16, "strides": 2, "project": True},
            (2, 4, 4, 16),
            PROJECTION,
            16 + 8 + 8,
        ),
    ],
)
def test_the_checks_for_every_layer(arguments, shape, trainable, buffers, x, tmp_path):
    check_layer(PreActBottleneckBlock(**arguments), x, shape, trainable, buffers)
    check_saving(PreActBottleneckBlock(**arguments), x, tmp_path)


def _start(block, x):
    return np.maximum(block.bn1(x, training=True), 0)


def test_with_a_zero_kernel_the_identity_is_the_raw_input(x):
    block = PreActBottleneckBlock(8)
    block.build(x.shape)
    block.conv3.kernel.assign(np.zeros(block.conv3.kernel.shape))
    np.testing.assert_array_equal(block(x, training=True), x)


def test_with_a_zero_kernel_the_projection_is_of_the_activated_input(x):
    block = PreActBottleneckBlock(16, 2, project=True)
    block.build(x.shape)
    block.conv3.kernel.assign(np.zeros(block.conv3.kernel.shape))
    kernel = np.asarray(block.shortcut.kernel)
    expected = convolve(_start(block, x), kernel, 2, 0, 0)
    np.testing.assert_allclose(block(x, training=True), expected, atol=1e-5)


def test_order_and_stride_are_as_in_the_authors_code(x):
    block = PreActBottleneckBlock(16, 2, project=True)
    block.build(x.shape)
    start = _start(block, x)
    y = convolve(start, np.asarray(block.conv1.kernel), 2, 0, 0)
    y = np.maximum(block.bn2(y, training=True), 0)
    y = convolve(y, np.asarray(block.conv2.kernel), 1, 1, 1)
    y = np.maximum(block.bn3(y, training=True), 0)
    y = convolve(y, np.asarray(block.conv3.kernel), 1, 0, 0)
    expected = y + convolve(start, np.asarray(block.shortcut.kernel), 2, 0, 0)
    np.testing.assert_allclose(block(x, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_inner_layers_use_the_blocks_policy(dtype, x):
    block = PreActBottleneckBlock(16, 2, project=True, dtype=f"mixed_{dtype}")
    assert block(x).dtype == dtype
    assert {weight.dtype for weight in block.weights} == {"float32"}


def test_wrong_filters():
    with pytest.raises(ValueError, match="filters must be a multiple of 4, received 6"):
        PreActBottleneckBlock(6)


@pytest.mark.parametrize("arguments", [{"filters": 16}, {"filters": 8, "strides": 2}])
def test_the_identity_cannot_change_the_shape(arguments, x):
    with pytest.raises(ValueError, match="project must be True to bring 8 channels"):
        PreActBottleneckBlock(**arguments)(x)
