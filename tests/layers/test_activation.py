import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers.activation import (
    ACTIVATIONS,
    activation_function,
    activation_layer,
)
from resnet_tf.layers.batch_norm import BatchNorm

POINTS = np.array([-2.0, -0.5, 0.0, 1.5], "float32")
# The definitions. GELU is x times the normal cumulative distribution function.
EXPECTED = {
    "relu": [0, 0, 0, 1.5],
    "tanh": [math.tanh(x) for x in POINTS],
    "leakyrelu": [-0.02, -0.005, 0, 1.5],
    "gelu": [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in POINTS],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values(name):
    np.testing.assert_allclose(
        activation_function(name)(POINTS), EXPECTED[name], rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_layer_is_equal_and_plain_keras(name, tmp_path):
    entry = keras.Input((4,))
    model = keras.Model(entry, activation_layer(name, name="act")(entry))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_layer("act").__module__.startswith("keras.")
    np.testing.assert_allclose(
        again(POINTS[None])[0], EXPECTED[name], rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_it_follows_convolution_and_batch_norm_in_a_graph(name, images):
    """TensorFlow fuses some activations with the two layers before."""
    entry = keras.Input(images.shape[1:])
    outputs = BatchNorm()(keras.layers.Conv2D(4, 3, use_bias=False)(entry))
    model = keras.Model(entry, activation_layer(name)(outputs))
    np.testing.assert_allclose(tf.function(model)(images), model(images), atol=1e-6)


@pytest.mark.parametrize("make", [activation_function, activation_layer])
def test_unknown_name(make):
    with pytest.raises(
        ValueError, match="activation must be one of relu, tanh.*received 'swish'"
    ):
        make("swish")
