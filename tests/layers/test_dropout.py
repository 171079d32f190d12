"""Dropout: its rate, its scale, and masks that follow from a seed and a place."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import (
    DenseLayer,
    Transition,
    dropout,
    dropout_seed,
    step_seed,
)

ONES = tf.ones((64, 8, 8, 16))  # 65,536 elements


def masked(seed=0, step=0, part=0, place="a", x=ONES, rate=0.2):
    """Returns x after dropout, as an array."""
    with dropout_seed(step_seed(seed, tf.constant(step, tf.int64), part)):
        return dropout(x, rate, place).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_share_and_the_scale(rate, dtype):
    x = tf.cast(ONES, dtype)
    y = masked(x=x, rate=rate)
    assert y.dtype == x.dtype.as_numpy_dtype and y.shape == x.shape
    kept = y != 0
    assert set(y[kept].astype("float32")) == {1 / (1 - rate)}
    # Five standard deviations of a binomial share.
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
    # Each channel, each pixel and each image loses the same share.
    for axes in ((0, 1, 2), (0, 3), (1, 2, 3)):
        shares = kept.mean(axis=axes)
        deviation = np.sqrt(rate * (1 - rate) * shares.size / kept.size)
        assert np.abs(shares - (1 - rate)).max() < 5 * deviation


def test_a_mask_follows_from_seed_step_part_and_place():
    first = masked()
    np.testing.assert_array_equal(masked(), first)
    for other in ({"seed": 1}, {"step": 1}, {"part": 1}, {"place": "b"}):
        both = ((masked(**other) != 0) & (first != 0)).mean()
        assert abs(both - 0.64) < 0.01, other  # two independent masks: 0.8^2


@pytest.mark.parametrize("compiled", [False, True])
def test_a_graph_draws_the_same_mask_again(compiled):
    graph = tf.function(masked_in_graph, jit_compile=compiled)
    first, again, other = (graph(tf.constant(n, tf.int64)).numpy() for n in (3, 3, 4))
    np.testing.assert_array_equal(again, first)
    assert np.any(other != first)
    assert abs((first != 0).mean() - 0.8) < 0.01
    if not compiled:
        np.testing.assert_array_equal(first, masked(step=3))


def masked_in_graph(step):
    with dropout_seed(step_seed(0, step, 0)):
        return dropout(ONES, 0.2, "a")


def test_without_a_seed_each_call_draws_a_new_mask():
    keras.utils.set_random_seed(0)
    step = tf.function(lambda: dropout(ONES, 0.2, "a"))
    first, second = step().numpy(), step().numpy()
    assert np.any(first != second)
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(tf.function(lambda: dropout(ONES, 0.2, "a"))(), first)


def test_the_seed_ends_with_its_block():
    with dropout_seed(tf.constant([1, 2], tf.int64)):
        inside = dropout(ONES, 0.2, "a").numpy()
    assert np.any(dropout(ONES, 0.2, "a").numpy() != inside)


def pair(x, bottleneck):
    """Returns a layer that recomputes and a plain layer, with equal weights."""
    layers = [
        DenseLayer(3, bottleneck, memory_efficient=on, dropout_rate=0.5, name="layer")
        for on in (True, False)
    ]
    for layer in layers:
        layer.build(x.shape)
        layer.set_weights(layers[0].get_weights())
    return layers


@pytest.mark.parametrize("bottleneck", [False, True])
def test_the_recomputed_gradient_has_the_mask_of_the_forward_pass(bottleneck):
    x = tf.random.stateless_normal((4, 4, 4, 6), (0, 1))
    found = []
    for layer in pair(x, bottleneck):
        variables = [variable.value for variable in layer.trainable_variables]

        @tf.function
        def run(layer=layer, variables=variables):
            with (
                dropout_seed(tf.constant([1, 2], tf.int64)),
                tf.GradientTape() as tape,
            ):
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(y**2)
            return y, *tape.gradient(loss, [x, *variables])

        found.append([value.numpy() for value in run()])
    for recomputed, plain in zip(*found, strict=True):
        np.testing.assert_allclose(recomputed, plain, rtol=1e-6, atol=1e-6)
    new = found[0][0][..., 6:]
    assert 0.3 < (new == 0).mean() < 0.7


@pytest.mark.parametrize(
    "make",
    [
        lambda rate: DenseLayer(3, dropout_rate=rate, name="layer"),
        lambda rate: DenseLayer(3, True, dropout_rate=rate, name="layer"),
        lambda rate: Transition(4, dropout_rate=rate, name="layer"),
    ],
    ids=["plain", "bottleneck", "transition"],
)
def test_only_training_applies_dropout(make):
    x = tf.random.stateless_normal((4, 4, 4, 6), (0, 1))
    layer, without = make(0.5), make(0.0)
    for each in (layer, without):
        each.build(x.shape)
        each.set_weights(layer.get_weights())
    np.testing.assert_array_equal(layer(x), without(x))
    assert np.any(layer(x, training=True) != without(x, training=True))
    again = type(layer).from_config(layer.get_config())
    assert again.dropout_rate == 0.5
    assert layer.count_params() == without.count_params()


def test_a_transition_pools_after_dropout():
    x = tf.random.stateless_normal((16, 8, 8, 6), (0, 1))
    layer = Transition(4, dropout_rate=0.5)
    zeros = (layer(x, training=True).numpy() == 0).mean()
    assert 0.03 < zeros < 0.1  # 0.5^4 = 0.0625 of the pooled elements
