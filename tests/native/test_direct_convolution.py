"""Convolutions as matrix products, against float64 and TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import conv
from resnet_tf.native import operations
from tests.native.checks import assert_threads_change_no_bit, noise, rms_error

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
# Input (N, H, W, C), kernel (height, width, filters), stride, centered. Channels that
# fill vectors and that do not; odd and even sizes; one pixel; a filter larger than the
# map; a stride larger than the filter.
SHAPES = [
    ((4, 32, 32, 24), (1, 1, 48), 1, False),
    ((3, 7, 5, 17), (1, 1, 33), 1, False),
    ((2, 1, 1, 130), (1, 1, 3), 1, False),
    ((4, 16, 16, 16), (1, 1, 32), 2, False),
    ((3, 9, 6, 5), (1, 1, 7), 2, True),
    ((4, 32, 32, 16), (3, 3, 32), 2, False),
    ((4, 16, 16, 32), (3, 3, 64), 2, True),
    ((3, 7, 10, 13), (3, 3, 9), 2, False),
    ((3, 7, 10, 13), (3, 3, 9), 2, True),
    ((2, 1, 1, 3), (3, 3, 4), 2, False),
    ((4, 32, 32, 3), (3, 3, 16), 1, False),
    ((2, 9, 8, 6), (5, 3, 10), 3, False),
    ((2, 4, 3, 6), (7, 7, 20), 2, True),
    ((2, 5, 6, 3), (2, 4, 5), 3, False),
]


def _arrays(size, kernel, stride):
    """Returns an input like the output of a ReLU, a kernel and an output gradient."""
    images, height, width, channels = size
    sides = (-(-height // stride), -(-width // stride))
    return (
        np.maximum(noise(*size), 0),
        noise(*kernel[:2], channels, kernel[2], seed=1),
        noise(images, *sides, kernel[2], seed=2),
    )


def _exact(x, kernel, dy, stride, centered):
    """Returns the output and both gradients, in float64."""
    x, kernel, dy = (array.astype(np.float64) for array in (x, kernel, dy))
    sides, sizes = x.shape[1:3], kernel.shape[:2]
    padding = []
    for side, size, out in zip(sides, sizes, dy.shape[1:3], strict=True):
        total = max((out - 1) * stride + size - side, 0)
        before = size // 2 if centered else total // 2
        padding.append((before, size + stride * out))
    padded = np.pad(x, [(0, 0), *padding, (0, 0)])
    y, dx, dw = np.zeros(dy.shape), np.zeros(padded.shape), np.zeros(kernel.shape)
    for r in range(sizes[0]):
        for s in range(sizes[1]):
            rows = slice(r, r + stride * dy.shape[1], stride)
            columns = slice(s, s + stride * dy.shape[2], stride)
            window = padded[:, rows, columns]
            y += window @ kernel[r, s]
            dw[r, s] = np.tensordot(window, dy, ([0, 1, 2], [0, 1, 2]))
            dx[:, rows, columns] += dy @ kernel[r, s].T
    (top, _), (left, _) = padding
    return y, dx[:, top : top + sides[0], left : left + sides[1]], dw


def _results(x, kernel, dy, stride, centered):
    """Returns the kernels' output and both gradients."""
    inputs = [tf.constant(x), tf.constant(kernel)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = operations.direct_convolution(*inputs, stride, centered)
    return y, *tape.gradient(y, inputs, tf.constant(dy))


@pytest.mark.parametrize("size, kernel, stride, centered", SHAPES)
def test_convolution_and_its_gradients_are_exact(
    instructions, size, kernel, stride, centered
):
    arrays = _arrays(size, kernel, stride)
    exact = _exact(*arrays, stride, centered)
    for received, expected in zip(
        _results(*arrays, stride, centered), exact, strict=True
    ):
        assert received.shape == expected.shape
        assert rms_error(received, expected) < 5e-7


@pytest.mark.parametrize(
    "size, kernel, stride",
    [
        ((16, 32, 32, 96), (1, 1, 48), 1),
        ((64, 32, 32, 16), (1, 1, 32), 2),
        ((64, 32, 32, 16), (3, 3, 32), 2),
        ((64, 16, 16, 32), (3, 3, 64), 2),
        ((64, 32, 32, 3), (3, 3, 16), 1),
    ],
)
def test_errors_do_not_exceed_tensorflows(size, kernel, stride):
    x, w, dy = _arrays(size, kernel, stride)
    form = {"strides": [1, stride, stride, 1], "padding": "SAME"}
    theirs = (
        tf.nn.conv2d(x, w, stride, "SAME"),
        tf.raw_ops.Conv2DBackpropInput(
            input_sizes=size, filter=w, out_backprop=dy, **form
        ),
        tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=w.shape, out_backprop=dy, **form
        ),
    )
    exact = _exact(x, w, dy, stride, False)
    ours = _results(x, w, dy, stride, False)
    for factor, received, their, expected in zip(
        (3, 3, 1), ours, theirs, exact, strict=True
    ):
        assert rms_error(received, expected) <= factor * rms_error(their, expected)


def test_bits_do_not_depend_on_the_number_of_threads():
    cases = [SHAPES[0], SHAPES[6], ((40, 16, 16, 24), (3, 3, 40), 2, False)]

    def results():
        tensors = []
        for size, kernel, stride, centered in cases:
            tensors += _results(*_arrays(size, kernel, stride), stride, centered)
        return tensors

    assert_threads_change_no_bit(results)


@pytest.mark.parametrize("channels, stride", [(3, 1), (16, 1), (5, 2)])
def test_a_bias_is_added_and_has_a_gradient(channels, stride):
    x, kernel, dy = map(tf.constant, _arrays((2, 6, 9, channels), (3, 3, 11), stride))
    bias = tf.constant(noise(11, seed=3))

    def results(convolve):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, bias])
            y = convolve()
        return y, *tape.gradient(y, [x, kernel, bias], dy)

    def second(square):
        with tf.GradientTape() as outer:
            outer.watch(bias)
            with tf.GradientTape() as inner:
                inner.watch(bias)
                loss = tf.reduce_sum(square())
            norm = tf.reduce_sum(inner.gradient(loss, bias) ** 2)
        return (outer.gradient(norm, bias),)

    def own():
        return operations.convolution(x, kernel, stride, bias=bias)

    def other():
        return tf.nn.conv2d(x, kernel, stride, "SAME") + bias

    ours = results(own) + second(lambda: own() ** 3)
    theirs = results(other) + second(lambda: other() ** 3)
    for received, expected in zip(ours, theirs, strict=True):
        assert rms_error(received, expected.numpy().astype(np.float64)) < 1e-6


@pytest.mark.parametrize("stride, centered", [(1, False), (2, False), (2, True)])
def test_convolution_has_a_second_gradient(stride, centered):
    x, kernel = tf.constant(noise(2, 5, 6, 3)), tf.constant(noise(3, 3, 3, 4))

    def theirs(x, kernel):
        if not centered:
            return tf.nn.conv2d(x, kernel, stride, "SAME")
        padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.nn.conv2d(padded, kernel, stride, "VALID")

    def second(convolve):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch([x, kernel])
                loss = tf.reduce_sum(convolve(x, kernel) ** 3)
            dx, dw = inner.gradient(loss, [x, kernel])
            norm = tf.reduce_sum(dx**2) + tf.reduce_sum(dw**2)
        return outer.gradient(norm, [x, kernel])

    ours = second(lambda x, w: operations.direct_convolution(x, w, stride, centered))
    for received, expected in zip(ours, second(theirs), strict=True):
        assert rms_error(received, expected.numpy().astype(np.float64)) < 1e-5


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("stride_padding, use_bias", [("end", False), ("both", True)])
def test_layers_give_tensorflows_results(kernel_size, stride_padding, use_bias):
    layer = conv(
        8, kernel_size, strides=2, stride_padding=stride_padding, use_bias=use_bias
    )
    model = keras.Sequential([layer])
    x = tf.constant(noise(2, 8, 7, 5))
    expected = model(x, training=True)
    with native.computing(True):
        received = tf.function(lambda x: model(x, training=True))
        graph = received.get_concrete_function(x).graph
        assert "ResnetTfDirectConv" in {op.type for op in graph.get_operations()}
        np.testing.assert_allclose(received(x), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_knows_the_shape_of_its_output():
    inputs = keras.Input((None, 9, 3))
    with native.computing(True):
        shape = conv(4, 3, strides=2, stride_padding="both")(inputs).shape
    assert shape == (None, None, 5, 4)


@pytest.mark.parametrize(
    "kernel, stride, rule",
    [
        ((3, 3, 2, 1), 2, "kernel must have as many channels as x"),
        ((17, 1, 3, 1), 2, "kernel must be from 1 to 16 high and wide"),
        ((3, 3, 3, 1), 17, "stride must be from 1 to 16"),
        ((3, 3, 3, 1), 0, "stride must be from 1 to 16"),
    ],
)
def test_wrong_shapes_are_refused(kernel, stride, rule):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        operations.operations().resnet_tf_direct_conv(
            x=tf.ones((1, 4, 4, 3)), kernel=tf.ones(kernel), bias=[], stride=stride
        )


def test_gradients_of_another_size_are_refused():
    x, dy = tf.ones((1, 5, 5, 3)), tf.ones((1, 2, 3, 4))
    own = operations.operations()
    rule = r"dy must have the images of x, and ceil\(size / stride\) rows and columns"
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        own.resnet_tf_direct_conv_input_gradient(
            dy=dy, kernel=tf.ones((3, 3, 3, 4)), x=x, stride=2
        )
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        own.resnet_tf_direct_conv_filter_gradient(
            x=x, dy=dy, height=3, width=3, stride=2
        )


def test_no_images_give_no_outputs_and_a_gradient_of_zero():
    y, dx, dw = _results(*_arrays((0, 4, 4, 3), (3, 3, 2), 2), 2, False)
    assert (y.shape, dx.shape) == ((0, 2, 2, 2), (0, 4, 4, 3))
    np.testing.assert_array_equal(dw, np.zeros((3, 3, 3, 2)))


@pytest.mark.parametrize(
    "kernel, strides, expected",
    [
        ((3, 3, 200, 8), (1, 1), True),
        ((3, 3, 8, 8), (2, 2), True),
        ((1, 1, 96, 8), (1, 1), True),
        ((1, 1, 97, 8), (2, 2), True),
        ((1, 1, 97, 8), (1, 1), None),
        ((5, 5, 8, 8), (1, 1), True),
        ((5, 5, 7, 8), (1, 1), False),
        ((5, 5, 8, 8), (2, 2), False),
        ((7, 7, 8, 8), (1, 1), False),
        ((3, 3, 8, 8), (1, 2), False),
        ((3, 3, 8, 8), (3, 3), False),
    ],
)
def test_which_shapes_are_computed(instructions, kernel, strides, expected):
    x, kernel = tf.ones((1, 4, 4, kernel[2])), tf.ones(kernel)
    if expected is None:  # a 1x1 convolution of many channels
        expected = instructions != "avx512"
    assert not native.convolves(x, kernel, strides)
    with native.computing(True):
        assert native.convolves(x, kernel, strides) == expected
        assert not native.convolves(tf.cast(x, tf.float16), kernel, strides)
