import numpy as np
import pytest

from resnet_tf.layers import DenseLayer, Transition, compressed
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")


def test_plain_layer(x, tmp_path):
    output = check_layer(DenseLayer(3), x, (2, 4, 4, 9), 12 + 9 * 6 * 3, 12)
    np.testing.assert_array_equal(output[..., :6], x)
    check_saving(DenseLayer(3), x, tmp_path)


def test_bottleneck_layer(x, tmp_path):
    layer = DenseLayer(3, bottleneck=True)
    parameters = 12 + 6 * 12 + 24 + 9 * 12 * 3
    output = check_layer(layer, x, (2, 4, 4, 9), parameters, 36)
    np.testing.assert_array_equal(output[..., :6], x)
    assert layer.conv1.filters == 12 and layer.conv1.kernel_size == (1, 1)
    check_saving(DenseLayer(3, bottleneck=True), x, tmp_path)


def test_the_width_of_the_bottleneck(x):
    layer = DenseLayer(3, bottleneck=True, bottleneck_width=2)
    parameters = 12 + 6 * 6 + 12 + 9 * 6 * 3
    check_layer(layer, x, (2, 4, 4, 9), parameters, 24)
    assert layer.conv1.filters == 6


@pytest.mark.parametrize("bottleneck", [False, True])
def test_new_channels_first(bottleneck, x, tmp_path):
    layers = [DenseLayer(3, bottleneck, new_first=first) for first in (False, True)]
    for layer in layers:
        layer.build(x.shape)
    layers[1].set_weights(layers[0].get_weights())
    last, first = (layer(x).numpy() for layer in layers)
    np.testing.assert_array_equal(first[..., 3:], x)
    np.testing.assert_array_equal(first[..., :3], last[..., 6:])
    check_saving(DenseLayer(3, bottleneck, new_first=True), x, tmp_path)


def test_new_channels_are_conv_relu_bn(x):
    layer = DenseLayer(3)
    layer.build(x.shape)
    activated = np.maximum(layer.bn1(x, training=True), 0)
    expected = layer.conv1(activated)
    output = layer(x, training=True).numpy()
    np.testing.assert_allclose(output[..., 6:], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("compression", "filters"), [(1.0, 6), (0.5, 3), (0.4, 2), (0.99, 5)]
)
def test_transition_keeps_the_floor(x, compression, filters, tmp_path):
    assert compressed(6, compression) == filters
    layer = Transition(filters)
    check_layer(layer, x, (2, 2, 2, filters), 12 + 6 * filters, 12)
    check_saving(Transition(filters), x, tmp_path)


@pytest.mark.parametrize("layer", [DenseLayer(3, bottleneck=True), Transition(3)])
def test_the_activation(layer, x):
    other = type(layer).from_config({**layer.get_config(), "activation": "tanh"})
    for each in (layer, other):
        each.build(x.shape)
    other.set_weights(layer.get_weights())
    assert np.abs(layer(x).numpy() - other(x).numpy()).max() > 1e-3
    other._activate = layer._activate
    np.testing.assert_array_equal(layer(x), other(x))


def test_the_floor_is_that_of_the_exact_product():
    assert compressed(100, 0.29) == 29


def test_transition_pools_after_the_convolution(x):
    layer = Transition(3)
    layer.build(x.shape)
    inner = layer.conv(np.maximum(layer.bn(x, training=True), 0)).numpy()
    expected = inner.reshape(2, 2, 2, 2, 2, 3).mean((2, 4))
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-5)


@pytest.mark.parametrize("compression", [0.0, 1.5])
def test_wrong_compression(compression):
    with pytest.raises(ValueError, match=r"compression must be in \(0, 1\]"):
        compressed(6, compression)
