"""Several calls of batch norm have the weight of one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import BatchNorm, DenseLayer
from resnet_tf.layers.moving import moved_once


@pytest.fixture
def parts():
    """Four parts of a batch, with different means."""
    numbers = np.random.default_rng(0)
    x = [numbers.normal(mean, 1, (2, 4, 4, 16)) for mean in (1, 2, 3, 6)]
    return [part.astype("float32") for part in x]


def test_a_batch_in_four_parts_has_the_weight_of_one(parts):
    layer = BatchNorm(momentum=0.9)

    @tf.function
    def update():
        with moved_once():
            for part in parts:
                layer(part, training=True)

    update()
    means = np.mean([part.mean((0, 1, 2)) for part in parts], axis=0)
    variances = np.mean([part.var((0, 1, 2), ddof=1) for part in parts], axis=0)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * means, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variances, rtol=1e-5)


def test_afterwards_each_call_moves_them_again(parts):
    layer = BatchNorm()
    with pytest.raises(ZeroDivisionError), moved_once():
        layer(parts[0], training=True)
        raise ZeroDivisionError
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(16))
    layer(parts[0], training=True)
    np.testing.assert_allclose(
        layer.moving_mean, 0.1 * parts[0].mean((0, 1, 2)), rtol=1e-5
    )


def test_recomputed_layers_move_them_once(parts):
    """The gradient computes their batch norm again."""
    found = []
    for memory_efficient in (False, True):
        keras.utils.set_random_seed(0)
        layer = DenseLayer(4, memory_efficient=memory_efficient)
        layer.build((None, 4, 4, 16))

        @tf.function
        def update(layer=layer):
            with tf.GradientTape() as tape:
                with moved_once():
                    sums = [tf.reduce_sum(layer(x, training=True)) for x in parts]
                loss = tf.add_n(sums)
            return tape.gradient(loss, layer.trainable_variables)

        update()
        found.append([np.array(w) for w in layer.non_trainable_variables])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert found[0][0].mean() == pytest.approx(0.3, abs=0.02)
