"""Batch norm and a convolution as one operation, in every form, against float64."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.native.operations import Moments, Unit
from resnet_tf.native.units import Prologue, convolution_unit
from tests.native.checks import assert_threads_change_no_bit, rms_error

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
EPSILON, MOMENTUM = 1e-3, 0.9


def _chain(shape, filters, last):
    """Returns an input, units, the moving averages and an upstream gradient.

    The first unit has no batch norm.
    """
    generator = np.random.default_rng(0)

    def normal(*size):
        return tf.constant(generator.standard_normal(size), tf.float32)

    def unit(c, k):
        gamma, beta = 1 + 0.1 * normal(c), 0.1 * normal(c)
        return Unit(gamma, beta, normal(3, 3, c, k) / (3 * c**0.5))

    channels = shape[-1]
    units = [unit(channels, channels), unit(channels, filters), unit(filters, last)]
    moving = [Moments(normal(c), 1 + normal(c) ** 2) for c in (channels, filters)]
    return 3 + normal(*shape), units, moving, normal(*shape[:3], last)


def _norm(unit, moving, moments=None):
    return Prologue(unit.gamma, unit.beta, moving, EPSILON, MOMENTUM, moments)


def _native(x, units, moving, dy, bare, residual):
    """Returns the output, its moments, the moving averages and the gradients.

    Each unit gets its moments from the unit before it. With `bare` the first unit is a
    convolution without batch norm. With `residual` x is added to the last output.
    """
    variables = [x, *tf.nest.flatten(units)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y, moments, same = x, None, None
        if bare:
            y, moments, _, same = convolution_unit(x, units[0].kernel, passed=residual)
        norm, passed = _norm(units[1], moving[0], moments), residual and not bare
        first = convolution_unit(y, units[1].kernel, norm, passed=passed)
        norm = _norm(units[2], moving[1], first.moments)
        added = first.x if passed else same
        second = convolution_unit(first.y, units[2].kernel, norm, residual=added)
        # The moments of the last output have a gradient too.
        loss = tf.reduce_sum(second.y * dy) + sum(
            tf.reduce_sum(tf.sin(vector)) for vector in second.moments
        )
    moved = [*first.moving, *second.moving]
    return second.y, second.moments, moved, _gradients(tape, loss, variables)


def _reference(x, units, moving, dy, bare, residual, dtype):
    """Returns the results of `_native`, from TensorFlow's operations in `dtype`."""
    x, units, moving, dy = tf.nest.map_structure(
        lambda a: tf.cast(a, dtype), (x, units, moving, dy)
    )
    variables = [x, *tf.nest.flatten(units)]
    moved = []
    with tf.GradientTape() as tape:
        tape.watch(variables)
        y = tf.nn.conv2d(x, units[0].kernel, 1, "SAME") if bare else x
        for unit, old in zip(units[1:], moving, strict=True):
            mean, variance = tf.nn.moments(y, [0, 1, 2])
            pixels = tf.cast(tf.size(y[..., 0]), dtype)
            new = (mean, variance * pixels / (pixels - 1))
            moved += [
                MOMENTUM * a + (1 - MOMENTUM) * b for a, b in zip(old, new, strict=True)
            ]
            z = (y - mean) / tf.sqrt(variance + EPSILON) * unit.gamma + unit.beta
            y = tf.nn.conv2d(tf.nn.relu(z), unit.kernel, 1, "SAME")
        y = y + x if residual else y
        moments = tf.nn.moments(y, [0, 1, 2])
        loss = tf.reduce_sum(y * dy) + sum(
            tf.reduce_sum(tf.sin(vector)) for vector in moments
        )
    return y, moments, moved, _gradients(tape, loss, variables)


def _gradients(tape, loss, variables):
    """Returns the gradients that are not None."""
    return [each for each in tape.gradient(loss, variables) if each is not None]


# Maps of whole and partial tiles; channels that fill vectors and that do not; more
# channels than the kernels process at a time.
@pytest.mark.parametrize(
    "shape, filters, last, bare, residual",
    [
        ((4, 16, 16, 16), 16, 16, False, True),
        ((3, 7, 5, 3), 5, 3, True, True),
        ((3, 7, 5, 3), 6, 4, True, False),
        ((3, 7, 5, 3), 6, 4, False, False),
        ((2, 9, 14, 70), 20, 70, True, True),
    ],
)
def test_units_and_their_gradients_are_exact(
    instructions, shape, filters, last, bare, residual
):
    chain = _chain(shape, filters, last)
    received = _native(*chain, bare, residual)
    exact = _reference(*chain, bare, residual, tf.float64)
    limits = [1e-6, 2e-6, 2e-6, 5e-6]
    # With these numbers rounding changes no sign before a ReLU.
    for own, expected, limit in zip(received, exact, limits, strict=True):
        own, expected = tf.nest.flatten(own), tf.nest.flatten(expected)
        for one, other in zip(own, expected, strict=True):
            assert one.shape == other.shape
            assert rms_error(one, other) < limit


def test_the_variance_of_a_map_with_a_large_mean_is_exact(instructions):
    """Sums of squares about 0 would lose digits by cancellation."""
    (x, units, _, _), pixels = _chain((4, 16, 16, 16), 16, 16), 4 * 16 * 16
    base = tf.fill([4, 16, 16, 16], 1000.0)
    output = convolution_unit(x, units[0].kernel, residual=base)
    y = output.y.numpy().astype(np.float64).reshape(pixels, 16)
    np.testing.assert_allclose(output.moments.mean, y.mean(0), rtol=1e-7)
    np.testing.assert_allclose(output.moments.variance, y.var(0), rtol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_unused_moments_do_not_change_the_gradients(batch_norm):
    x, units, moving, dy = _chain((3, 7, 5, 3), 4, 4)
    unit = units[1]
    variables = [x, unit.kernel]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variables)
        norm = _norm(unit, moving[0]) if batch_norm else None
        y = convolution_unit(x, unit.kernel, norm).y
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        z = (x - mean) / tf.sqrt(variance + EPSILON) * unit.gamma + unit.beta
        z = tf.nn.relu(z) if batch_norm else x
        z = tf.nn.conv2d(z, unit.kernel, 1, "SAME")
    received, expected = (tape.gradient(a, variables, dy) for a in (y, z))
    for one, other in zip(received, expected, strict=True):
        assert rms_error(one, other) < 1e-5


def test_bits_do_not_depend_on_the_number_of_threads():
    chain = _chain((24, 8, 8, 12), 16, 12)

    def results():
        return _native(*chain, True, True)

    assert_threads_change_no_bit(results)


_VECTORS = [tf.zeros(6)] * 2


@pytest.mark.parametrize(
    "change, rule",
    [
        ({"x": tf.zeros((0, 4, 4, 6))}, "x must have an image"),
        ({"kernel": tf.zeros((1, 1, 6, 2))}, "kernel must be"),
        ({"kernel": tf.zeros((3, 3, 5, 2))}, "kernel must be"),
        ({"gamma": tf.zeros(5)}, "gamma and beta must have a number for each channel"),
        ({"moments": Moments(tf.zeros(6), tf.zeros(5))}, "moments must have a number"),
        ({"moving": Moments(tf.zeros(5), tf.zeros(6))}, "moving averages must have"),
        ({"residual": tf.zeros((1, 4, 4, 6))}, "residual must have the shape of y"),
    ],
)
def test_wrong_shapes_are_refused(change, rule):
    unit = {"x": tf.zeros((1, 4, 4, 6)), "kernel": tf.zeros((3, 3, 6, 2))}
    unit |= {name: change[name] for name in {*unit, "residual"} & {*change}}
    norm = Prologue(*_VECTORS, Moments(*_VECTORS), EPSILON, MOMENTUM)
    norm = norm._replace(**{k: v for k, v in change.items() if k in Prologue._fields})
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        convolution_unit(**unit, norm=norm)


def test_a_second_gradient_is_refused():
    x, units, moving, _ = _chain((1, 4, 4, 6), 2, 6)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = convolution_unit(x, units[1].kernel, _norm(units[1], moving[0])).y
        dx = inner.gradient(y, x)
    with pytest.raises(LookupError, match="first gradient only"):
        outer.gradient(dx, x)


def test_batch_norm_takes_given_moments():
    x, units, moving, dy = _chain((3, 7, 5, 6), 4, 6)
    vectors = units[1].gamma, units[1].beta, *moving[0]
    form = {"epsilon": EPSILON, "momentum": MOMENTUM, "relu": True}
    moments = Moments(*tf.nn.moments(x, [0, 1, 2]))
    results = []
    for given in (moments, None):
        with tf.GradientTape() as tape:
            tape.watch([x, *vectors[:2]])
            y, *moved = native.batch_norm(x, *vectors, moments=given, **form)
        results.append([y, *moved, *tape.gradient(y, [x, *vectors[:2]], dy)])
    for one, other in zip(*results, strict=True):
        assert rms_error(one, other) < 1e-5
    with pytest.raises(tf.errors.InvalidArgumentError, match="moments must have"):
        wrong = Moments(tf.zeros(5), tf.zeros(6))
        native.batch_norm(x, *vectors, moments=wrong, **form)
