"""Residual blocks whose batch norms the native kernels apply in the convolutions."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import PreActResidualBlock, ResidualBlock, dropout_seed

needs_kernels = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


class _Blocks:
    """Three blocks in a row, the second with stride 2."""

    def __init__(self, kind, **settings):
        options = {"shortcut": "A-append", **settings}
        self.layers = [kind(8, **options), kind(8, strides=2, **options)]
        self.layers.append(kind(8, **{**options, "shortcut": "identity"}))
        x = self.x = tf.random.stateless_normal((4, 6, 6, 8), [1, 2])
        for layer in self.layers:
            x = layer(x)
        self.variables = [w for layer in self.layers for w in layer.weights]
        for seed, weight in enumerate(self.variables):
            noise = tf.random.stateless_normal(weight.shape, [seed, 1])
            weight.assign(weight + 0.1 * tf.abs(noise))
        self.start = [weight.numpy() for weight in self.variables]

    def trained(self, own: bool):
        """Returns the output, its gradients and the weights of one call."""
        for weight, value in zip(self.variables, self.start, strict=True):
            weight.assign(value)
        trained = [w for layer in self.layers for w in layer.trainable_weights]

        @tf.function(autograph=False)
        def call():
            values = [self.x, *(weight.value for weight in trained)]
            seed = dropout_seed(tf.constant([1, 2], tf.int64))
            with seed, tf.GradientTape() as tape, native.computing(own):
                tape.watch(self.x)
                y = self.x
                for layer in self.layers:
                    y = layer(y, training=True)
                loss = tf.reduce_sum(tf.cos(y))
            return y, tape.gradient(loss, values)

        graph = call.get_concrete_function().graph
        types = [op.type for op in graph.get_operations()]
        y, gradients = call()
        values = [y, *map(tf.convert_to_tensor, gradients), *self.variables]
        return [np.asarray(value) for value in values], types


def _assert_close(received, expected, tolerance=2e-5):
    for a, b in zip(received, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=tolerance * np.abs(b).max())


@needs_kernels
@pytest.mark.parametrize("kind, units", [(ResidualBlock, 5), (PreActResidualBlock, 5)])
def test_one_operation_computes_batch_norm_and_convolution(kind, units):
    blocks = _Blocks(kind)
    received, types = blocks.trained(own=True)
    assert types.count("ResnetTfUnit") == types.count("ResnetTfUnitGradient") == units
    assert "FusedBatchNormV3" not in types
    expected, types = blocks.trained(own=False)
    assert not any("ResnetTf" in name for name in types)
    _assert_close(received, expected)


@needs_kernels
@pytest.mark.parametrize(
    "kind, moments",
    [(PreActResidualBlock, [0, 2, 2, 2, 2, 2]), (ResidualBlock, [0, 2, 0, 2, 0, 2])],
)
def test_the_operation_that_writes_a_map_sums_its_moments(kind, moments):
    layers = [kind(8, shortcut="identity") for _ in range(3)]

    @tf.function
    def call(x):
        with tf.GradientTape() as tape, native.computing(True):
            tape.watch(x)
            y = x
            for layer in layers:
                y = layer(y, training=True)
        return tape.gradient(y, x)

    x = tf.random.stateless_normal((4, 6, 6, 8), [1, 2])
    for layer in layers:
        layer.build(x.shape)
    operations = call.get_concrete_function(x).graph.get_operations()
    units = [op for op in operations if op.type == "ResnetTfUnit"]
    assert [op.get_attr("m") for op in units] == moments
    norms = [op for op in operations if op.type == "ResnetTfBatchNorm"]
    assert all(op.get_attr("q") == 2 for op in norms)
    sums = [op for op in operations if op.type in ("AddN", "AddV2")]
    assert all(op.outputs[0].shape.rank == 1 for op in sums)  # no map


@needs_kernels
def test_a_block_with_frozen_averages_is_computed_layer_by_layer():
    blocks = _Blocks(PreActResidualBlock)
    for layer in blocks.layers:
        layer.bn2.trainable = False
    received, types = blocks.trained(own=True)
    assert types.count("ResnetTfUnit") == 2  # bn1 of the blocks with stride 1
    expected, _ = blocks.trained(own=False)
    # Maps that are not normalized amplify rounding: TensorFlow's own results differ by
    # 1.5e-5 with and without oneDNN.
    _assert_close(received, expected, tolerance=1e-4)


@needs_kernels
@pytest.mark.parametrize("kind", [ResidualBlock, PreActResidualBlock])
def test_a_dropped_branch_is_added_separately(kind):
    blocks = _Blocks(kind, drop_rate=0.5)
    received, types = blocks.trained(own=True)
    assert types.count("ResnetTfUnit") == types.count("ResnetTfUnitGradient") == 5
    assert "FusedBatchNormV3" not in types
    expected, _ = blocks.trained(own=False)
    _assert_close(received, expected)


@needs_kernels
def test_another_activation_is_computed_separately():
    blocks = _Blocks(ResidualBlock, activation="tanh")
    received, types = blocks.trained(own=True)
    assert types.count("ResnetTfUnit") == 2  # only convolutions
    expected, _ = blocks.trained(own=False)
    _assert_close(received, expected)


@needs_kernels
def test_another_dtype_is_computed_by_tensorflow():
    _, types = _Blocks(ResidualBlock, dtype="bfloat16").trained(own=True)
    assert "ResnetTfUnit" not in types
