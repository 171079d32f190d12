"""A dense block that the native kernels compute at its end."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import DenseJoin, DenseLayer

needs_kernels = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


class _Block:
    """Three layers and a join, with one input."""

    def __init__(self, **settings):
        self.layers = [DenseLayer(4, joined=True, **settings) for _ in range(3)]
        self.join = DenseJoin()
        self.x = tf.random.stateless_normal((4, 6, 6, 8), [1, 2])
        maps = [self.x]
        for seed, layer in enumerate(self.layers):
            maps = layer(maps)
            for i, weight in enumerate(layer.trainable_weights):
                noise = tf.random.stateless_normal(weight.shape, [seed, i])
                weight.assign(weight + 0.1 * noise)
        self.weights = [w for layer in self.layers for w in layer.trainable_weights]
        self.averages = [w for layer in self.layers for w in layer.weights]
        self.start = [weight.numpy() for weight in self.averages]

    def trained(self, own: bool):
        """Returns the output, its gradients and the moving averages of one call."""
        for weight, value in zip(self.averages, self.start, strict=True):
            weight.assign(value)

        @tf.function(autograph=False)
        def call():
            variables = [weight.value for weight in self.weights]
            with tf.GradientTape() as tape, native.computing(own):
                maps = [self.x]
                for layer in self.layers:
                    maps = layer(maps, training=True)
                y = self.join(maps)
                loss = tf.reduce_sum(tf.cos(y))
            return y, tape.gradient(loss, variables)

        graph = call.get_concrete_function().graph
        types = [op.type for op in graph.get_operations()]
        y, gradients = call()
        values = [y, *map(tf.convert_to_tensor, gradients), *self.averages]
        return [np.asarray(value) for value in values], types


def _assert_close(received, expected):
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * np.abs(b).max())


@needs_kernels
@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize("new_first", [False, True])
@pytest.mark.parametrize("memory_efficient", [False, True])
def test_one_operation_computes_the_block(bottleneck, new_first, memory_efficient):
    block = _Block(
        bottleneck=bottleneck, new_first=new_first, memory_efficient=memory_efficient
    )
    received, types = block.trained(own=True)
    assert types.count("ResnetTfDenseBlock") == 1
    assert not {"ConcatV2", "Conv2D", "FusedBatchNormV3", "ResnetTfConv"} & set(types)
    expected, types = block.trained(own=False)
    assert not any("ResnetTf" in name for name in types)
    _assert_close(received, expected)


@needs_kernels
@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_layer_with_frozen_averages_is_computed_separately(odd):
    block = _Block()
    block.layers[odd].bn1.trainable = False
    received, types = block.trained(own=True)
    assert types.count("ResnetTfDenseBlock") == (1 if odd else 0)
    expected, _ = block.trained(own=False)
    _assert_close(received, expected)


@needs_kernels
@pytest.mark.parametrize(
    "settings", [{"activation": "gelu"}, {"dropout_rate": 0.5}], ids=["gelu", "dropout"]
)
def test_other_layers_are_not_deferred(settings):
    _, types = _Block(**settings).trained(own=True)
    assert "ResnetTfDenseBlock" not in types


@needs_kernels
def test_a_layer_that_no_join_follows_returns_maps():
    layer, x = DenseLayer(4), tf.ones((2, 4, 4, 8))
    with native.computing(True):
        maps = layer([x], training=True)
    assert [part.shape[-1] for part in maps] == [8, 4]
    np.testing.assert_array_equal(maps[0], x)


def test_outside_training_the_join_concatenates():
    parts = [np.full((2, 4, 4, 3), value, np.float32) for value in (1, 2)]
    with native.computing(True):
        y = DenseJoin()(parts)
    np.testing.assert_array_equal(y, np.concatenate(parts, axis=-1))
    assert DenseJoin.from_config(DenseJoin(name="join").get_config()).name == "join"
