"""Batch norm over two replicas equals batch norm of their joined batches."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import BatchNorm


@pytest.fixture(scope="module")
def strategy():
    # TensorFlow confuses the collectives of two strategies in one process.
    reduction = tf.distribute.ReductionToOneDevice()
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], reduction)


def normalized(layer, x, noise):
    """Returns outputs and the gradients of inputs, gamma and beta."""
    weights = [layer.gamma.value, layer.beta.value]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) * noise)
    return y, *tape.gradient(loss, [x, *weights])


def built(channels, dtype):
    layer = BatchNorm(synchronized=True, epsilon=1e-3, dtype=dtype)
    layer.build((None, 5, 4, channels))
    layer.gamma.assign(np.linspace(0.5, 2, channels))
    layer.moving_mean.assign(np.full(channels, 2.5))
    return layer


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-5), ("mixed_bfloat16", 0.02)]
)
def test_two_halves_equal_the_whole(strategy, dtype, tolerance):
    numbers = np.random.default_rng(0)
    kind = dtype.removeprefix("mixed_")
    # Far from zero, where squares cancel.
    x = tf.cast(numbers.normal(3, 0.1, (6, 5, 4, 7)), kind)
    noise = numbers.normal(size=x.shape).astype("float32")
    alone = built(7, dtype)
    alone.synchronized = False
    expected = normalized(alone, x, noise)
    with strategy.scope():
        layer = built(7, dtype)

    @tf.function
    def both():
        def half(context):
            first = 3 * context.replica_id_in_sync_group
            return x[first : first + 3], noise[first : first + 3]

        parts = strategy.experimental_distribute_values_from_function(half)
        return strategy.run(lambda part: normalized(layer, *part), args=(parts,))

    y, dx, dgamma, dbeta = map(strategy.experimental_local_results, both())
    found = np.concatenate(y), np.concatenate(dx), sum(dgamma), sum(dbeta)
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one, "float32"), np.asarray(other, "float32")
        np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())
    for name in ("moving_mean", "moving_variance"):
        ours, theirs = getattr(layer, name), getattr(alone, name)
        np.testing.assert_allclose(ours, theirs, rtol=max(tolerance / 10, 1e-6))


def test_without_a_strategy_it_equals_batch_norm():
    x = np.random.default_rng(0).normal(3, 2, (4, 6, 5, 7)).astype("float32")
    layers = [BatchNorm(), BatchNorm(synchronized=True)]
    outputs = [layer(x, training=True) for layer in layers]
    np.testing.assert_allclose(*outputs, atol=1e-5)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(*(getattr(each, name) for each in layers), 1e-5)
    np.testing.assert_allclose(*(layer(x) for layer in layers), atol=1e-5)


def test_one_number_per_channel_is_as_in_the_kernel():
    """n / (n - 1) is infinite at n = 1."""
    x = np.arange(7, dtype="float32").reshape(1, 1, 1, 7)
    layers = [BatchNorm(), BatchNorm(synchronized=True)]
    outputs = [layer(x, training=True) for layer in layers]
    np.testing.assert_array_equal(*outputs)
    for name in ("moving_mean", "moving_variance"):
        one, other = (np.array(getattr(each, name)) for each in layers)
        np.testing.assert_allclose(one, other, rtol=1e-6)
        assert np.isfinite(one).all()
