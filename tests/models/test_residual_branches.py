"""Settings of the residual branches: they reach every block and change no shape."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_model
from resnet_tf.layers.branch import Residual
from resnet_tf.models.inference import optimize_for_inference

NETWORKS = {
    "post": {"order": "post"},
    "pre": {"order": "pre"},
    "bottleneck": {"bottleneck": True, "shortcut": "B"},
    "uva": {"model": "uva_preact"},
}


def build(kind, **settings):
    values = {"num_residual_blocks": 1, **NETWORKS[kind]}
    if kind == "uva":
        del values["num_residual_blocks"]
    return build_model(ModelConfig(**values, **settings))


def residual_blocks(model):
    return [layer for layer in model.layers if isinstance(layer, Residual)]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_settings_reach_every_block(kind):
    settings = {"zero_init_residual": True, "stochastic_depth": 0.45}
    model, plain = build(kind, **settings), build(kind)
    rates = [block.drop_rate for block in residual_blocks(model)]
    # l / L of the probability of the last block.
    blocks = 9 if kind == "uva" else 3
    expected = 0.45 * np.arange(1, blocks + 1) / blocks
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    assert all(block.zero_init_residual for block in residual_blocks(model))
    assert [(w.path, w.shape, w.trainable) for w in model.weights] == [
        (w.path, w.shape, w.trainable) for w in plain.weights
    ]
    for block in residual_blocks(plain):
        assert (block.drop_rate, block.zero_init_residual) == (0.0, False)


def test_the_settings_reach_the_networks_of_imagenet():
    model = build_model("resnet18_cifar", stochastic_depth=0.8, zero_init_residual=True)
    assert [block.drop_rate for block in residual_blocks(model)] == pytest.approx(
        [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    )
    gammas = [np.any(block.bn2.gamma) for block in residual_blocks(model)]
    assert gammas == [False] * 8


def random_operations(function, images):
    graph = tf.function(function).get_concrete_function(images).graph
    return [op.type for op in graph.get_operations() if "Random" in op.type]


@pytest.mark.parametrize("order", ["post", "pre"])
def test_inference_draws_nothing(images, order):
    model, plain = build(order, stochastic_depth=0.5), build(order)
    plain.set_weights(model.get_weights())
    drawn = random_operations(lambda x: model(x, training=True), images)
    assert drawn.count("StatelessRandomUniformV2") == 3
    assert not random_operations(model, images)
    np.testing.assert_array_equal(model(images), plain(images))
    folded = optimize_for_inference(model)
    assert not random_operations(folded, images)
    np.testing.assert_array_equal(folded(images), optimize_for_inference(plain)(images))
