"""The dense block as one operation, in every form, against float64."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.native.operations import Unit, dense_block
from tests.native.checks import assert_threads_change_no_bit, rms_error

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


def _block(shape, growth, hidden, layers):
    """Returns an input, the layers and an upstream gradient."""
    generator = np.random.default_rng(0)

    def normal(*size):
        return tf.constant(generator.standard_normal(size), tf.float32)

    def unit(side, channels, filters):
        scale = 1 / (side * channels**0.5)
        return Unit(
            1 + 0.1 * normal(channels),
            0.1 * normal(channels),
            scale * normal(side, side, channels, filters),
        )

    units = []
    for layer in range(layers):
        channels = shape[-1] + layer * growth
        if hidden:
            units.append([unit(1, channels, hidden), unit(3, hidden, growth)])
        else:
            units.append([unit(3, channels, growth)])
    return 3 + normal(*shape), units, normal(*shape[:3], shape[3] + layers * growth)


def _variables(x, layers):
    return [x, *tf.nest.flatten(layers)]


def _native(x, layers, dy, new_first):
    """Returns the output, all moments, and the gradients."""
    variables = _variables(x, layers)
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y, moments, inner = dense_block(x, layers, epsilon=1e-3, new_first=new_first)
    return y, [moments, *inner], tape.gradient(y, variables, dy)


def _reference(x, layers, dy, new_first, dtype):
    """Returns the same results as `_native`, computed layer by layer in `dtype`."""
    x, layers, dy = tf.nest.map_structure(lambda a: tf.cast(a, dtype), (x, layers, dy))
    variables = _variables(x, layers)
    inner = []
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y = x
        for units in layers:
            z = y
            for i, unit in enumerate(units):
                mean, variance = tf.nn.moments(z, [0, 1, 2])
                inner += [(mean, variance)] if i else []
                z = (z - mean) / tf.sqrt(variance + 1e-3) * unit.gamma + unit.beta
                z = tf.nn.conv2d(tf.nn.relu(z), unit.kernel, 1, "SAME")
            y = tf.concat([z, y] if new_first else [y, z], axis=-1)
    moments = tf.nn.moments(y, [0, 1, 2])
    return y, [moments, *inner], tape.gradient(y, variables, dy)


# Maps of whole and partial tiles; channels that fill vectors and that do not; more
# channels than the kernels process at a time.
@pytest.mark.parametrize(
    "shape, growth, hidden, layers, new_first",
    [
        ((4, 16, 16, 16), 12, 0, 4, False),
        ((3, 7, 5, 3), 5, 0, 3, True),
        ((3, 7, 5, 3), 5, 6, 3, True),
        ((2, 9, 14, 70), 12, 48, 3, False),
        ((1, 8, 8, 8), 4, 100, 2, False),
    ],
)
def test_block_and_its_gradients_are_exact(
    instructions, shape, growth, hidden, layers, new_first
):
    block = _block(shape, growth, hidden, layers)
    y, moments, gradients = _native(*block, new_first)
    exact_y, exact_moments, exact = _reference(*block, new_first, tf.float64)
    assert rms_error(y, exact_y) < 1e-6
    for own, expected in zip(moments, exact_moments, strict=True):
        assert rms_error(own[0], expected[0]) < 1e-6
        assert rms_error(own[1], expected[1]) < 2e-6
    # With these numbers rounding changes no sign before a ReLU.
    for own, expected in zip(gradients, exact, strict=True):
        assert own.shape == expected.shape
        assert rms_error(own, expected) < 5e-6


def test_bits_do_not_depend_on_the_number_of_threads():
    blocks = [_block((24, 8, 8, 8), 4, hidden, 3) for hidden in (0, 12)]

    def results():
        tensors = [_native(*block, False) for block in blocks]
        return tensors

    assert_threads_change_no_bit(results)


@pytest.mark.parametrize(
    "change, rule",
    [
        (lambda x, layers: (x[:0], layers), "x must have an image"),
        (
            lambda x, layers: (x, [layers[0], layers[0]]),
            "kernels must fit the channels of the block",
        ),
        (
            lambda x, layers: (x, [[layers[0][0]._replace(beta=tf.zeros(3))]]),
            "gamma and beta must have a number for each channel",
        ),
    ],
)
def test_wrong_shapes_are_refused(change, rule):
    x, layers, _ = _block((1, 4, 4, 6), 2, 0, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        dense_block(*change(x, layers), epsilon=1e-3, new_first=False)


def test_a_second_gradient_is_refused():
    x, layers, _ = _block((1, 4, 4, 6), 2, 0, 1)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y, *_ = dense_block(x, layers, epsilon=1e-3, new_first=False)
        dx = inner.gradient(y, x)
    with pytest.raises(LookupError, match="first gradient only"):
        outer.gradient(dx, x)
