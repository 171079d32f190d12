import numpy as np
import pytest

from resnet_tf.layers import conv


def test_he_fan_out_is_an_untruncated_normal():
    layer = conv(64, 3)
    layer.build((None, 8, 8, 256))
    kernel = np.asarray(layer.kernel)
    expected = np.sqrt(2 / (9 * 64))
    assert kernel.std() == pytest.approx(expected, rel=0.01)
    # A truncated normal has nothing beyond two deviations of its parent.
    assert np.mean(np.abs(kernel) > 2.5 * expected) == pytest.approx(0.0124, rel=0.1)


def test_glorot_uniform():
    layer = conv(64, 3, kernel_initializer="glorot_uniform")
    layer.build((None, 8, 8, 32))
    limit = np.sqrt(6 / (9 * (32 + 64)))
    kernel = np.asarray(layer.kernel)
    assert kernel.max() == pytest.approx(limit, rel=0.01)
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)


def test_no_two_convolutions_start_alike():
    layers = [conv(4, 3), conv(4, 3)]
    for layer in layers:
        layer.build((None, 8, 8, 4))
    assert not np.array_equal(layers[0].kernel, layers[1].kernel)


def test_no_bias_and_same_padding():
    layer = conv(4, 3, strides=2)
    assert tuple(layer.compute_output_shape((None, 8, 8, 2))) == (None, 4, 4, 4)
    assert not layer.use_bias


def test_unknown_initializer():
    with pytest.raises(ValueError, match="must be one of he_fan_out, glorot_uniform"):
        conv(4, 3, kernel_initializer="he")
