"""The model class of the package: a functional Keras model of any depth."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import build_model, optimize_for_inference
from resnet_tf.config import ModelConfig
from resnet_tf.layers import BatchNorm
from resnet_tf.models.network import Network
from tests.models.counts import count

DEEPER_THAN_THE_STACK = sys.getrecursionlimit() + 200


def chain(length):
    """Returns a convolution, a batch norm and a long chain of sign changes."""
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 1, name="conv")(inputs)
    x = BatchNorm(name="bn")(x)
    for _ in range(length):
        x = keras.ops.negative(x)
    return Network(inputs, x, name="chain")


@pytest.fixture(scope="module")
def deep():
    return chain(DEEPER_THAN_THE_STACK)


def test_keras_alone_exceeds_the_stack(deep):
    with pytest.raises(RecursionError):
        keras.Model(deep.input, deep.output)


def test_a_chain_deeper_than_the_stack_is_one_model(deep):
    images = np.ones((2, 4, 4, 3), "float32")
    assert len(deep.operations) == DEEPER_THAN_THE_STACK + 3
    assert deep.output_names == [deep.operations[-1].name]
    assert len(deep.outputs) == 1 and deep.output is deep.outputs[0]
    expected = deep.get_layer("conv")(images) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(deep(images), expected, rtol=1e-5)


def test_a_deep_model_can_be_folded_and_rebuilt_from_its_config(deep):
    images = np.ones((2, 4, 4, 3), "float32")
    fast = optimize_for_inference(deep)
    assert [layer.name for layer in fast.layers[1:]] == ["conv"]
    np.testing.assert_allclose(fast(images), deep(images), rtol=1e-5)
    again = Network.from_config(fast.get_config())
    again.set_weights(fast.get_weights())
    np.testing.assert_array_equal(again(images), fast(images))


def test_a_deep_functional_model_of_keras_can_be_folded():
    model = chain(300)  # a folded copy can be deeper than the model
    plain = keras.Model(model.input, model.output)
    images = np.ones((2, 4, 4, 3), "float32")
    fast = optimize_for_inference(plain)
    np.testing.assert_allclose(fast(images), plain(images), rtol=1e-5)


def test_layers_keep_the_order_of_keras():
    for features in (False, True):
        model = build_model(ModelConfig(num_residual_blocks=2), features=features)
        fast = optimize_for_inference(model)
        for network in (model, fast):
            plain = keras.Model(network.input, network.output)
            assert [x.name for x in network.layers] == [x.name for x in plain.layers]
            assert network.output_names == plain.output_names
            assert network.output_shape == plain.output_shape


def test_outputs_that_need_another_input_are_refused():
    one, other = keras.Input((2,)), keras.Input((2,))
    with pytest.raises(ValueError, match="not connected|disconnected"):
        Network(one, one + other)


@pytest.mark.parametrize("value", [True, False])
def test_training_can_be_a_tensor(value, images):
    model = build_model(ModelConfig(num_residual_blocks=1))
    start = model.get_weights()
    found = tf.function(lambda training: model(images, training=training))(
        tf.constant(value)
    )
    changed = model.get_weights()
    model.set_weights(start)
    np.testing.assert_allclose(found, model(images, training=value), atol=1e-5)
    for one, other in zip(changed, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [
        ModelConfig(num_residual_blocks=47, order="post"),
        ModelConfig(num_residual_blocks=100, order="pre"),
        ModelConfig(model="densenet", depth=400, growth_rate=1),
        "preact1001",
        "resnet1202",
    ],
)
def test_the_deepest_networks_can_be_folded(network):
    model = build_model(network)
    for weight in model.trainable_weights:
        if weight.name == "gamma":
            weight.assign(weight * 0.1)  # otherwise the maps grow without bound
    fast = optimize_for_inference(model)
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
    expected = model(images).numpy()
    np.testing.assert_allclose(
        fast(images), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )
    assert count(fast.trainable_weights) == 0
