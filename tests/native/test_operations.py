"""The native kernels against float64, with every instruction set of this CPU."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.native import operations
from tests.native.checks import assert_threads_change_no_bit, noise, rms_error

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
# Images, height, width, channels, filters, filter size. Whole and partial tiles;
# channels that fill vectors and that do not; one pixel; more channels than a block has.
SHAPES = [
    (4, 32, 32, 16, 16, 3),
    (3, 7, 5, 3, 5, 3),
    (2, 9, 14, 17, 33, 3),
    (5, 8, 8, 64, 64, 3),
    (2, 1, 1, 70, 12, 3),
    (2, 16, 16, 230, 12, 3),
    (4, 32, 32, 16, 12, 5),
    (3, 7, 5, 3, 5, 5),
    (2, 9, 14, 17, 33, 5),
    (2, 4, 6, 70, 24, 5),
]
X = np.ones((1, 4, 4, 3), np.float32)


def _exact_convolution(x, kernel, dy):
    """Returns the output and both gradients, in float64."""
    x, kernel, dy = (array.astype(np.float64) for array in (x, kernel, dy))
    height, width = x.shape[1:3]
    size = len(kernel)
    border = ((0, 0), (size // 2, size // 2), (size // 2, size // 2), (0, 0))
    padded, padded_dy = np.pad(x, border), np.pad(dy, border)
    y = np.zeros(dy.shape)
    dx, dw = np.zeros(x.shape), np.zeros(kernel.shape)
    for r in range(size):
        for s in range(size):
            window = padded[:, r : r + height, s : s + width]
            y += window @ kernel[r, s]
            dw[r, s] = np.tensordot(window, dy, ([0, 1, 2], [0, 1, 2]))
            turned = padded_dy[:, size - 1 - r :, size - 1 - s :]
            dx += turned[:, :height, :width] @ kernel[r, s].T
    return y, dx, dw


@pytest.mark.parametrize("shape", SHAPES)
def test_convolution_and_its_gradients_are_exact(instructions, shape):
    images, height, width, channels, filters, size = shape
    x = np.maximum(noise(images, height, width, channels), 0)
    kernel = noise(size, size, channels, filters, seed=1)
    dy = noise(images, height, width, filters, seed=2)
    with tf.GradientTape() as tape:
        inputs = [tf.constant(x), tf.constant(kernel)]
        tape.watch(inputs)
        y = operations.winograd_convolution(*inputs)
    dx, dw = tape.gradient(y, inputs, tf.constant(dy))
    exact = _exact_convolution(x, kernel, dy)
    assert rms_error(y, exact[0]) < 1.2e-6
    assert rms_error(dx, exact[1]) < 1.2e-6
    assert rms_error(dw, exact[2]) < 1.0e-6


@pytest.mark.parametrize(
    "shape",
    [(128, 8, 8, 64, 64, 3), (64, 32, 32, 16, 16, 3), (64, 32, 32, 16, 8, 5)],
)
def test_filter_gradient_is_about_as_exact_as_tensorflow(shape):
    # Our error is near 6e-7. TensorFlow's is 4e-7 to 1.1e-6 with AVX-512 and 1e-6 to
    # 4e-6 with AVX2, because it adds more numbers in one sum.
    images, height, width, channels, filters, size = shape
    x = np.maximum(noise(images, height, width, channels), 0)
    dy = noise(images, height, width, filters, seed=2)
    kernel = noise(size, size, channels, filters, seed=1)
    exact = _exact_convolution(x, kernel, dy)[2]
    theirs = tf.raw_ops.Conv2DBackpropFilter(
        input=x,
        filter_sizes=kernel.shape,
        out_backprop=dy,
        strides=[1, 1, 1, 1],
        padding="SAME",
    )
    ours = operations._filter_gradient(tf.constant(x), tf.constant(dy), size)
    assert rms_error(ours, exact) <= 2 * rms_error(theirs, exact)
    assert rms_error(ours, exact) < 8e-7


def test_bias_and_relu(instructions):
    x, kernel, bias = noise(2, 6, 9, 5), noise(3, 3, 5, 20), noise(20)
    y, *_ = _exact_convolution(x, kernel, noise(2, 6, 9, 20))
    received = operations.winograd_convolution(
        *map(tf.constant, (x, kernel, bias)), relu=True
    )
    assert rms_error(received, np.maximum(y + bias, 0)) < 1e-6


@pytest.mark.parametrize("size", [3, 5])
def test_convolution_has_a_second_gradient(size):
    x, kernel = tf.constant(noise(2, 5, 6, 3)), tf.constant(noise(size, size, 3, 4))

    def second(convolve):
        with tf.GradientTape() as outer:
            outer.watch([x, kernel])
            with tf.GradientTape() as inner:
                inner.watch([x, kernel])
                loss = tf.reduce_sum(convolve(x, kernel) ** 3)
            dx, dw = inner.gradient(loss, [x, kernel])
            norm = tf.reduce_sum(dx**2) + tf.reduce_sum(dw**2)
        return outer.gradient(norm, [x, kernel])

    ours = second(operations.winograd_convolution)
    theirs = second(lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME"))
    for received, expected in zip(ours, theirs, strict=True):
        assert rms_error(received, expected.numpy().astype(np.float64)) < 1e-5


def _exact_batch_norm(x, gamma, beta, residual, relu, dy):
    """Returns the output, the batch's mean and variance, and the gradients."""
    with tf.GradientTape() as tape:
        inputs = [tf.constant(a, tf.float64) for a in (x, gamma, beta)]
        added = [] if residual is None else [tf.constant(residual, tf.float64)]
        tape.watch([*inputs, *added])
        mean = tf.reduce_mean(inputs[0], (0, 1, 2))
        variance = tf.reduce_mean((inputs[0] - mean) ** 2, (0, 1, 2))
        y = (inputs[0] - mean) / tf.sqrt(variance + 1e-3) * inputs[1] + inputs[2]
        y = sum(added, y)
        y = tf.nn.relu(y) if relu else y
    return y, mean, variance, tape.gradient(y, [*inputs, *added], dy.astype(np.float64))


@pytest.mark.parametrize("shape", [(3, 7, 5, 17), (8, 16, 16, 64), (4, 1, 1, 3)])
@pytest.mark.parametrize(
    "relu, with_residual", [(False, False), (True, False), (True, True)]
)
def test_batch_norm_and_its_gradients_are_exact(
    instructions, shape, relu, with_residual
):
    channels = shape[-1]
    x = noise(*shape) + 5 * noise(channels, seed=1)
    gamma, beta = noise(channels, seed=2), noise(channels, seed=3)
    residual = noise(*shape, seed=4) if with_residual else None
    dy = noise(*shape, seed=5)
    y, mean, variance, gradients = _exact_batch_norm(x, gamma, beta, residual, relu, dy)
    with tf.GradientTape() as tape:
        inputs = [tf.constant(a) for a in (x, gamma, beta)]
        added = [] if residual is None else [tf.constant(residual)]
        tape.watch([*inputs, *added])
        received, new_mean, new_variance = native.batch_norm(
            *inputs,
            tf.zeros(channels),
            tf.ones(channels),
            epsilon=1e-3,
            momentum=0.75,
            relu=relu,
            residual=added[0] if added else None,
        )
    got = tape.gradient(received, [*inputs, *added], tf.constant(dy))
    pixels = x.size // channels
    unbiased = variance * pixels / (pixels - 1)
    assert rms_error(received, y.numpy()) < 2e-6
    assert rms_error(new_mean, 0.25 * mean.numpy()) < 1e-6
    assert rms_error(new_variance, (0.75 + 0.25 * unbiased).numpy()) < 2e-6
    for gradient, exact in zip(got, gradients, strict=True):
        assert rms_error(gradient, exact.numpy()) < 2e-5


def test_one_pixel_keeps_a_finite_moving_variance():
    one = tf.ones((1, 1, 1, 3))
    _, mean, variance = native.batch_norm(
        one,
        *(tf.ones(3), tf.zeros(3), tf.zeros(3), tf.ones(3)),
        epsilon=1e-3,
        momentum=0.75,
    )
    np.testing.assert_array_equal(mean, np.full(3, 0.25, np.float32))
    np.testing.assert_array_equal(variance, np.full(3, 0.75, np.float32))


def test_nan_passes_relu():
    x = tf.fill((1, 2, 2, 3), float("nan"))
    y = operations.winograd_convolution(x, tf.ones((3, 3, 3, 4)), tf.zeros(4), True)
    assert np.isnan(y.numpy()).all()


def test_bits_do_not_depend_on_the_number_of_threads():
    x, dy = tf.constant(noise(40, 16, 16, 24)), tf.constant(noise(40, 16, 16, 24))
    kernel, wide = (tf.constant(noise(size, size, 24, 24)) for size in (3, 5))
    vectors = [tf.ones(24), tf.zeros(24), tf.zeros(24), tf.ones(24)]

    def results():
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, wide, vectors[0]])
            y = operations.winograd_convolution(x, kernel)
            y = operations.winograd_convolution(y, wide)
            z, *moved = native.batch_norm(
                y, *vectors, epsilon=1e-5, momentum=0.9, relu=True
            )
        gradients = tape.gradient(z, [x, kernel, wide, vectors[0]], dy)
        return [z, *moved, *gradients]

    assert_threads_change_no_bit(results)


@pytest.mark.parametrize(
    "call, rule",
    [
        (
            lambda: operations.winograd_convolution(
                tf.ones((1, 4, 4, 3)), tf.ones((3, 3, 2, 1))
            ),
            "kernel must have as many channels as x",
        ),
        (
            lambda: operations.winograd_convolution(
                tf.ones((1, 4, 4, 3)), tf.ones((7, 7, 3, 1))
            ),
            r"kernel must be \(3, 3, C, filters\) or \(5, 5, C, filters\)",
        ),
        (
            lambda: native.batch_norm(
                tf.ones((0, 4, 4, 3)),
                *[tf.ones(3)] * 4,
                epsilon=1e-3,
                momentum=0.9,
            ),
            "x must have an image",
        ),
        (
            lambda: native.batch_norm(
                tf.ones((1, 4, 4, 3)),
                *[tf.ones(2)] * 4,
                epsilon=1e-3,
                momentum=0.9,
            ),
            "parameters must have a number for each channel",
        ),
    ],
)
def test_wrong_shapes_are_refused(call, rule):
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        call()


def test_no_images_give_no_outputs_and_a_gradient_of_zero():
    x, dy = tf.ones((0, 4, 4, 3)), tf.ones((0, 4, 4, 2))
    assert operations.winograd_convolution(x, tf.ones((3, 3, 3, 2))).shape == (
        0,
        4,
        4,
        2,
    )
    np.testing.assert_array_equal(
        operations._filter_gradient(x, dy), np.zeros((3, 3, 3, 2))
    )


def test_inference_and_second_batch_norm_gradients_are_refused():
    x = tf.ones((1, 4, 4, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = operations.winograd_convolution(x, tf.ones((3, 3, 3, 2)), tf.zeros(2), True)
    with pytest.raises(LookupError, match="with ReLU has no gradient"):
        tape.gradient(y, x)
    vectors = [tf.ones(3), tf.zeros(3), tf.zeros(3), tf.ones(3)]
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y, *_ = native.batch_norm(x, *vectors, epsilon=1e-3, momentum=0.9)
        dx = inner.gradient(y, x)
    with pytest.raises(LookupError, match="first gradient only"):
        outer.gradient(dx, x)
