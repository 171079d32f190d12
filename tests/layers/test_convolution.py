import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import Conv2D, TorchConv2D, conv, fan_in_uniform
from resnet_tf.layers.convolution import narrow_convolution
from resnet_tf.machine import has_bfloat16
from tests.layers.by_hand import convolve
from tests.layers.harness import check_layer, check_saving


def maps(height=8, width=6):
    return np.random.default_rng(0).normal(size=(2, height, width, 4)).astype("f4")


# 64 filters of 3x3 over 256 channels: gain / sqrt(fan).
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("he_fan_out", np.sqrt(2 / (9 * 64))),
        ("he_fan_in", np.sqrt(2 / (9 * 256))),
        ("tanh_fan_out", 5 / 3 / np.sqrt(9 * 64)),
        ("tanh_fan_in", 5 / 3 / np.sqrt(9 * 256)),
    ],
)
def test_normal_initializers_are_untruncated(name, expected):
    layer = conv(64, 3, kernel_initializer=name)
    layer.build((None, 8, 8, 256))
    kernel = np.asarray(layer.kernel)
    assert kernel.std() == pytest.approx(expected, rel=0.01)
    # A truncated normal has no values beyond two standard deviations of its parent.
    assert np.mean(np.abs(kernel) > 2.5 * expected) == pytest.approx(0.0124, rel=0.1)


def test_he_fan_out_is_the_default():
    assert conv(4, 3).kernel_initializer.mode == "fan_out"


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


@pytest.mark.parametrize("strides", [1, 2])
def test_no_bias_and_same_padding(strides):
    layer = conv(4, 3, strides=strides)
    assert (
        tuple(layer.compute_output_shape((None, 8, 8, 2)))[1:3] == (8 // strides,) * 2
    )
    assert not layer.use_bias and layer.padding == "same"
    assert not isinstance(layer, TorchConv2D)


# An even map, 3x3: TensorFlow puts the one row of zeros at the end.
@pytest.mark.parametrize(("padding", "before"), [("end", 0), ("both", 1)])
def test_where_the_zeros_are_at_stride_2(padding, before):
    layer, x = conv(5, 3, strides=2, stride_padding=padding), maps()
    output = layer(x).numpy()
    expected = convolve(x, np.asarray(layer.kernel), 2, before, after=1)
    assert output.shape == (2, 4, 3, 5)
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "strides"), [(7, 2), (5, 1), (3, 1), (1, 2)])
def test_torch_conv_pads_every_side_by_half_the_kernel(size, strides):
    layer, x = TorchConv2D(5, size, strides), maps(9, 8)
    layer.build(x.shape)
    layer.bias.assign(np.arange(5))
    half = size // 2
    expected = convolve(x, np.asarray(layer.kernel), strides, half, half)
    output = layer(x).numpy()
    assert output.shape == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(output, expected + np.arange(5), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"use_bias": False}])
def test_torch_conv_passes_the_checks_for_every_layer(options, tmp_path):
    x = maps()
    shape = (2, 4, 3, 5) if "strides" in options else (2, 8, 6, 5)
    parameters = 9 * 4 * 5 + 5 * options.get("use_bias", True)
    check_layer(TorchConv2D(5, 3, **options), x, shape, parameters, 0)
    check_saving(TorchConv2D(5, 3, **options), x, tmp_path)


def test_any_size():
    shape = TorchConv2D(5, 3, 2).compute_output_shape((None, None, 8, 4))
    assert tuple(shape) == (None, None, 4, 5)


def test_a_bias_starts_uniform_within_the_root_of_the_fan_in():
    layer = conv(4096, 3, use_bias=True)
    assert isinstance(layer, TorchConv2D)
    layer.build((None, 8, 8, 4))
    bias, bound = np.asarray(layer.bias), 1 / np.sqrt(9 * 4)
    assert bound * 0.99 < bias.max() <= bound and -bound <= bias.min() < -bound * 0.99
    assert bias.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_fan_in_uniform():
    values = np.asarray(fan_in_uniform(25)((10_000,)))
    assert 0.199 < values.max() <= 0.2 and -0.2 <= values.min() < -0.199


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kernel_initializer": "he"},
            "kernel_initializer must be one of he_fan_out, he_fan_in.*received 'he'",
        ),
        (
            {"stride_padding": "start"},
            "stride_padding must be one of end, both, received 'start'",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        conv(4, 3, **arguments)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel_size must be odd, received \(2, 2\)"):
        TorchConv2D(4, 2)


def test_conv_passes_the_checks_for_every_layer(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 5)).astype("float32")
    parameters = 9 * 5 * 3 + 3
    check_layer(Conv2D(3, 3, 2), x, (2, 3, 3, 3), parameters, non_trainable=0)
    check_saving(Conv2D(3, 3, use_bias=False), x, tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_training_ignores_channels_beyond_the_kernel(dtype):
    """Their values do not matter."""
    wide = np.random.default_rng(0).normal(size=(2, 6, 6, 16)).astype("float32")
    x = wide[..., :5]
    layer = Conv2D(3, 3, dtype=dtype)
    expected = layer(x, training=True)
    tolerance = 1e-6 if dtype == "float32" else 2e-2
    for found in (layer(wide, training=True), layer(x)):
        np.testing.assert_allclose(
            tf.cast(found, "float32"), tf.cast(expected, "float32"), atol=tolerance
        )


def test_training_applies_the_activation():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 5)).astype("float32")
    layer, linear = Conv2D(3, 3, activation="relu"), Conv2D(3, 3)
    for each in (layer, linear):
        each.build(x.shape)
    linear.set_weights(layer.get_weights())
    expected = np.maximum(linear(x), 0)
    assert (expected == 0).any()
    for training in (False, True):
        found = layer(x, training=training)
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dilation_rate": 2}, r"dilation_rate must be \(1, 1\), received \(2, 2\)"),
        ({"groups": 2}, "groups must be 1, received 2"),
        (
            {"data_format": "channels_first"},
            "data_format must be 'channels_last', received 'channels_first'",
        ),
    ],
)
def test_unsupported_arguments_of_keras_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Conv2D(4, 3, **arguments)


NARROW = [(8, 16, 40, 12, 3), (32, 32, 96, 12, 3), (8, 8, 40, 12, 1), (8, 9, 7, 3, 5)]


@pytest.mark.skipif(not has_bfloat16(), reason="the CPU has no bfloat16")
@pytest.mark.parametrize("sizes", NARROW)
def test_the_narrow_gradients_are_as_exact_as_tensorflows(sizes):
    """Compares errors against float64, in bfloat16, where the layer uses them."""
    batch, side, inputs, filters, size = sizes
    numbers = np.random.default_rng(0)
    x, kernel, noise = (
        tf.cast(numbers.normal(size=shape), "bfloat16")
        for shape in (
            (batch, side, side, inputs),
            (size, size, inputs, filters),
            (batch, side, side, filters),
        )
    )
    exact = [tf.cast(tensor, "float64") for tensor in (x, kernel, noise)]
    errors = []
    for function in (tf_convolution, narrow_convolution):
        found = gradients(function, x, kernel, noise)
        errors.append(
            [
                float(tf.norm(tf.cast(one, "float64") - other))
                for one, other in zip(
                    found, gradients(tf_convolution, *exact), strict=True
                )
            ]
        )
    for own, ours in zip(*errors, strict=True):
        assert ours <= 1.01 * own


@pytest.mark.parametrize(
    ("dtype", "filters", "able", "narrow"),
    [
        ("bfloat16", 12, True, True),
        ("bfloat16", 12, False, False),
        ("bfloat16", 16, True, False),
        ("float32", 12, True, False),
    ],
)
def test_where_the_narrow_gradient_is_used(dtype, filters, able, narrow, monkeypatch):
    place = "resnet_tf.layers.convolution.has_bfloat16"
    monkeypatch.setattr(place, lambda: able)
    layer = Conv2D(filters, 3, use_bias=False, dtype=dtype)
    x = tf.ones((1, 4, 4, 20), dtype)
    layer.build(x.shape)

    @tf.function
    def kernel_gradient(x):
        with tf.GradientTape() as tape:
            y = layer(x, training=True)
        return tape.gradient(y, layer.kernel.value)

    graph = kernel_gradient.get_concrete_function(x).graph
    assert ("Reverse" in str({op.type for op in graph.get_operations()})) is narrow


def tf_convolution(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def gradients(function, x, kernel, noise):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = function(x, kernel)
    return [y, *tape.gradient(y, [x, kernel], noise)]
