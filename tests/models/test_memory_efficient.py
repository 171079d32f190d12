"""`memory_efficient` changes only which tensors are kept for the gradient."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_model
from resnet_tf.checkpoints.weights import load_weights_strictly
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import SettingError
from resnet_tf.training.trainer import Trainer

SMALL = ModelConfig(model="densenet", depth=10, growth_rate=4)
BC = dataclasses.replace(SMALL, depth=16, bottleneck=True, compression=0.5)


def pair(config, **options) -> list[keras.Model]:
    """Returns the plain and the memory-efficient network with the same weights."""
    models = []
    for efficient in (False, True):
        keras.utils.clear_session(free_memory=False)
        keras.utils.set_random_seed(0)
        config = dataclasses.replace(config, memory_efficient=efficient)
        models.append(build_model(config, **options))
    return models


def gradients(model, images, graph=True) -> list[np.ndarray]:
    """Returns the gradients of one training step."""
    variables = [variable.value for variable in model.trainable_variables]

    def step(images):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                tf.range(images.shape[0]), logits
            )
        return tape.gradient(losses, variables)

    step = tf.function(step, autograph=False) if graph else step
    return [gradient.numpy() for gradient in step(images)]


@pytest.mark.parametrize("config", [SMALL, BC], ids=["plain", "bottleneck"])
def test_gradients_and_moving_averages_equal_the_plain_networks(config, images):
    plain, efficient = pair(config)
    start = [weight.numpy() for weight in plain.weights]
    expected = gradients(plain, images, graph=False)
    for one, other in zip(expected, gradients(efficient, images), strict=True):
        error = np.linalg.norm(other - one) / np.linalg.norm(one)
        assert error < 1e-5
    for old, one, other in zip(start, plain.weights, efficient.weights, strict=True):
        assert np.any(one != old) is np.bool_(not one.trainable), one.path
        np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-7)


def test_bfloat16_is_as_close_to_float32_as_in_the_plain_network(images):
    exact = gradients(build_model(BC), images, graph=False)
    plain, efficient = (
        np.sqrt(
            sum(
                np.sum((a - b) ** 2)
                for a, b in zip(gradients(model, images), exact, strict=True)
            )
        )
        for model in pair(BC, dtype="mixed_bfloat16")
    )
    assert 0 < efficient < 1.2 * plain


@pytest.mark.parametrize("config", [SMALL, BC], ids=["plain", "bottleneck"])
def test_weights_load_in_both_directions(config, images, tmp_path):
    images = images[:2]
    plain, efficient = pair(config)
    assert [w.path for w in plain.weights] == [w.path for w in efficient.weights]
    for name, source, target in (("a", plain, efficient), ("b", efficient, plain)):
        for weight in source.weights:
            weight.assign(np.random.default_rng(1).uniform(0.5, 1.5, weight.shape))
        path = tmp_path / f"{name}.weights.h5"
        source.save_weights(path)
        load_weights_strictly(target, path)
        np.testing.assert_allclose(target(images), source(images), rtol=1e-5, atol=1e-5)
        for weight in source.weights:
            weight.assign(np.zeros(weight.shape))


def test_the_features_equal_the_plain_networks(images):
    plain, efficient = (model(images) for model in pair(BC, features=True))
    assert list(plain) == list(efficient)
    for name, expected in plain.items():
        assert efficient[name].shape == expected.shape
        np.testing.assert_allclose(efficient[name], expected, rtol=1e-4, atol=1e-5)


def test_the_keras_file(images, tmp_path):
    model = build_model(dataclasses.replace(BC, memory_efficient=True))
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.get_layer("stage1_layer2").memory_efficient is True
    np.testing.assert_array_equal(again(images), model(images))


@pytest.mark.parametrize(
    "name",
    [
        "uva_densenet",
        pytest.param("densenet121_cifar", marks=pytest.mark.slow),
        pytest.param("densenet121", marks=pytest.mark.slow),
    ],
)
def test_the_other_families(name):
    models = pair(ModelConfig(model=name))
    plain, efficient = ([(w.path, w.shape) for w in m.weights] for m in models)
    assert plain == efficient
    assert models[1].get_layer("stage1_layer1").memory_efficient is True
    assert models[0].get_layer("stage1_layer1").memory_efficient is False
    side = models[0].input_shape[1]
    image = np.random.default_rng(0).normal(size=(1, side, side, 3))
    expected, found = (model(image.astype("float32")).numpy() for model in models)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_residual_network_has_no_such_setting():
    with pytest.raises(SettingError, match="memory_efficient belongs to model=dense"):
        ModelConfig(memory_efficient=True)


def test_the_config_records_it_and_old_configs_have_it_off(tiny):
    settings = {"model": "densenet_bc100_k12", "memory_efficient": True}
    config = tiny(**settings)
    written = config.to_dict()
    assert written["model"]["memory_efficient"] is True
    assert ExperimentConfig.from_dict(written).model == config.model
    del written["model"]["memory_efficient"]
    assert ExperimentConfig.from_dict(written).model.memory_efficient is False


def weight_sum(model):
    """Returns the sum of all weights, float."""
    return sum(np.array(weight).sum(dtype=np.float64) for weight in model.weights)


@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_the_training_loop(jit_compile, tiny, images):
    steps, sums = 3, []
    for efficient in (False, True):
        config = tiny(
            model="densenet",
            depth=10,
            growth_rate=4,
            bottleneck=True,
            memory_efficient=efficient,
            jit_compile=jit_compile,
            train_batch_size=8,
        )
        trainer = Trainer(config, tf.distribute.get_strategy())
        start = weight_sum(trainer.model)
        batches = tf.data.Dataset.from_tensors((images, np.arange(8) % 4)).repeat()
        trainer.run(iter(batches), tf.constant(steps))
        sums.append(weight_sum(trainer.model) - start)
    assert sums[0] != 0
    np.testing.assert_allclose(sums[1], sums[0], rtol=1e-4)
