"""A model of this package is an ordinary Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_model
from resnet_tf.layers import BatchNorm, Block

SMALL = {
    "resnet": ModelConfig(num_residual_blocks=1),
    "resnet_post": ModelConfig(num_residual_blocks=1, order="post"),
    "densenet": ModelConfig(model="densenet", depth=7, growth_rate=4),
    "densenet_bc": ModelConfig(
        model="densenet", depth=10, growth_rate=4, bottleneck=True, compression=0.5
    ),
    "preact": ModelConfig(
        num_residual_blocks=1, order="pre", bottleneck=True, shortcut="B"
    ),
    "torch": ModelConfig(num_residual_blocks=1, shortcut="B", stride_padding="both"),
}


def test_keras_chooses_whether_to_compile():
    """So the next test covers "auto" as well."""
    model = build_model(SMALL["resnet"])
    model.compile("sgd", "mse")
    assert model.jit_compile in (True, False)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_compile_fit_predict(jit_compile, images):
    model = build_model(SMALL["resnet"])
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    history = model.fit(images, np.arange(8) % 4, batch_size=4, epochs=8, verbose=0)
    assert history.history["loss"][-1] < 0.6 * history.history["loss"][0]
    predicted = model.predict(images, batch_size=3, verbose=0)
    np.testing.assert_allclose(predicted, model(images), rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module", params=SMALL)
def model(request):
    """A network of each kind, built once; its moving averages may change."""
    keras.utils.set_random_seed(0)
    return build_model(SMALL[request.param])


def test_gradients_reach_every_weight(model, images):
    variables = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        labels = tf.range(8)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(losses, variables), strict=True
    ):
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient != 0), variable.path


def test_graph_equals_eager(model, images):
    graph = tf.function(lambda x: model(x, training=False), autograph=False)(images)
    np.testing.assert_allclose(model(images), graph, rtol=1e-4, atol=1e-5)


def test_keras_file_round_trip(model, images, tmp_path):
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), model(images))
    for one, other in zip(model.layers, again.layers, strict=True):
        assert (type(one), one.name) == (type(other), other.name)
        if isinstance(one, (BatchNorm, Block)):
            assert one.get_config() == other.get_config()
