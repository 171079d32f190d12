"""Batch norms of several maps, with joined or split results, against float64."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.native.norms import Norm, batch_norms
from tests.native.checks import assert_threads_change_no_bit, rms_error

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)
FORM = {"epsilon": 1e-3, "momentum": 0.75}


def _norms(size, channels):
    """Returns maps with their batch norms."""
    generator = np.random.default_rng(0)

    def normal(*shape):
        return tf.constant(generator.standard_normal(shape), tf.float32)

    return [
        Norm(2 + normal(*size, c), normal(c), normal(c), tf.zeros(c), tf.ones(c))
        for c in channels
    ]


def _results(norms, widths, relu):
    """Returns the results, the new moving averages and the gradients of the cubes."""
    variables = [each for norm in norms for each in norm[:3]]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        ys, moved = batch_norms(norms, widths, relu=relu, **FORM)
        loss = sum(tf.reduce_sum(y**3 * (i + 1)) for i, y in enumerate(ys))
    return ys, moved, tape.gradient(loss, variables)


def _exact(norms, widths, relu):
    """Returns the same results as `_results`, in float64."""
    norms = [Norm(*(tf.cast(each, tf.float64) for each in norm)) for norm in norms]
    variables = [each for norm in norms for each in norm[:3]]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        maps, moved = [], []
        for x, gamma, beta, *_ in norms:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
            maps.append((x - mean) / tf.sqrt(variance + 1e-3) * gamma + beta)
            pixels = x.numpy().size / x.shape[3]
            unbiased = variance * pixels / (pixels - 1)
            moved.append((0.25 * mean, 0.75 + 0.25 * unbiased))
        y = tf.concat(maps, 3)
        ys = tf.split(tf.nn.relu(y) if relu else y, widths, 3)
        loss = sum(tf.reduce_sum(y**3 * (i + 1)) for i, y in enumerate(ys))
    return ys, moved, tape.gradient(loss, variables)


# Channels of the maps and of the results: joined, split and both.
@pytest.mark.parametrize(
    "channels, widths",
    [((16, 12, 8), (36,)), ((48,), (32, 16)), ((5, 17, 3), (7, 1, 17)), ((1,), (1,))],
)
@pytest.mark.parametrize("relu", [False, True])
def test_results_and_gradients_are_exact(instructions, channels, widths, relu):
    norms = _norms((6, 9, 7), channels)
    ys, moved, gradients = _results(norms, widths, relu)
    exact_ys, exact_moved, exact = _exact(norms, widths, relu)
    assert [y.shape for y in ys] == [y.shape for y in exact_ys]
    for own, expected in zip(ys, exact_ys, strict=True):
        assert rms_error(own, expected) < 2e-6
    for own, expected in zip(moved, exact_moved, strict=True):
        assert rms_error(own[0], expected[0]) < 2e-6
        assert rms_error(own[1], expected[1]) < 2e-6
    for own, expected in zip(gradients, exact, strict=True):
        assert rms_error(own, expected) < 2e-5


def test_bits_do_not_depend_on_the_number_of_threads():
    norms = _norms((24, 16, 16), (16, 12, 8))

    def results():
        return _results(norms, (30, 6), relu=True)

    assert_threads_change_no_bit(results)


@pytest.mark.parametrize("widths", [(7,), (9,), (8, 0), (-1, 9), (4, 4, 4)])
def test_results_of_other_widths_are_refused(widths):
    norms = _norms((1, 2, 2), (3, 5))
    rule = "outputs must have the channels of x|an output must have a channel"
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        batch_norms(norms, widths, **FORM)


def test_maps_of_other_sizes_are_refused():
    norms = [*_norms((1, 2, 2), (3,)), *_norms((1, 2, 3), (3,))]
    rule = "maps must have the same images, rows and columns"
    with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
        batch_norms(norms, [6], **FORM)
