"""What a Keras user does with a network: freeze, inspect, combine, resize."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, batch_norms, build_model, optimize_for_inference
from resnet_tf.config import named_network, network_size
from resnet_tf.errors import SettingError
from resnet_tf.layers import BatchNorm, InceptionBlock
from tests.models.counts import count

SMALL = ModelConfig(num_residual_blocks=1)
# The layer with the last maps of the last stage, by network.
LAST_MAPS = {
    SMALL: "stage3_block1",
    ModelConfig(num_residual_blocks=1, order="post"): "stage3_block1",
    ModelConfig(
        num_residual_blocks=1, order="pre", bottleneck=True, shortcut="B"
    ): "stage3_block1",
    ModelConfig(model="densenet", depth=7, growth_rate=4): "stage3_concat",
    "uva_googlenet": "stage3_block2",
    "uva_resnet": "stage3_block3",
    "uva_preact": "stage3_block3",
    "uva_densenet": "stage4_concat",
    "resnet18_cifar": "stage4_block2",
}


@pytest.mark.parametrize("network", LAST_MAPS)
def test_gradients_reach_stage_outputs_by_name(network, images):
    model = build_model(network)
    inside = model.get_layer(LAST_MAPS[network]).output
    both = keras.Model(model.input, [inside, model.output])
    images = images[:2]
    with tf.GradientTape() as tape:
        maps, logits = both(images)
        score = logits[:, 3]
    gradient = tape.gradient(score, maps).numpy()
    assert gradient.shape == maps.shape and np.abs(gradient).max() > 0
    np.testing.assert_array_equal(logits, model(images))


def test_batch_norms_are_found_at_any_depth():
    model = build_model(SMALL)
    found = batch_norms(model)
    assert len(found) == 7
    assert all(isinstance(bn, keras.layers.BatchNormalization) for bn in found)
    assert found == [x for x in model._flatten_layers() if isinstance(x, BatchNorm)]


def small_googlenet() -> keras.Model:
    """Returns a network with one Inception block, whose batch norms lie deepest."""
    inputs = keras.Input((32, 32, 3))
    maps = InceptionBlock((2, 4, 2, 2), (2, 2))(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(inputs, keras.layers.Dense(4)(pooled))


@pytest.mark.parametrize(
    "build", [lambda: build_model(SMALL), small_googlenet], ids=["resnet", "googlenet"]
)
def test_frozen_batch_norms_stay_and_stay_frozen_after_loading(build, images, tmp_path):
    model = build()
    assert len(batch_norms(model)) >= 6
    for bn in batch_norms(model):
        bn.trainable = False
    before = [weight.numpy() for bn in batch_norms(model) for weight in bn.weights]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, jit_compile=False)
    model.fit(images, np.arange(8) % 4, epochs=1, verbose=0)
    after = [weight.numpy() for bn in batch_norms(model) for weight in bn.weights]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model(images, training=True), model(images))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not any(bn.trainable for bn in batch_norms(again))
    assert count(again.trainable_weights) == count(model.trainable_weights)


def test_a_frozen_block_is_frozen_after_loading():
    model = build_model(SMALL)
    model.get_layer("stage1_block1").trainable = False
    again = type(model).from_config(model.get_config())
    block = again.get_layer("stage1_block1")
    assert not block.bn2.trainable and block.trainable_weights == []
    assert "frozen" not in again.get_layer("stage2_block1").get_config()


def test_two_networks_of_one_kind_are_parts_of_one_model(images, tmp_path):
    one, other = (build_model(SMALL, name=name) for name in ("left", "right"))
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, one(inputs) + other(inputs))
    np.testing.assert_allclose(
        model(images), one(images) + other(images), rtol=1e-4, atol=1e-5
    )
    model.save(tmp_path / "two.keras")
    again = keras.models.load_model(tmp_path / "two.keras")
    np.testing.assert_array_equal(again(images), model(images))


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (SMALL, (48, 48, 3)),
        (SMALL, (30, 45, 3)),
        (ModelConfig(model="densenet", depth=10, growth_rate=4), (64, 64, 3)),
        ("uva_googlenet", (None, None, 3)),
    ],
)
def test_other_sizes_have_the_same_parameters_and_a_fold(network, shape):
    model = build_model(network, input_shape=shape)
    assert model.input_shape == (None, *shape)
    config = named_network(network) if isinstance(network, str) else network
    assert count(model.trainable_weights) == network_size(config).parameters
    sides = [side or 50 for side in shape[:2]]
    images = np.random.default_rng(0).normal(size=(2, *sides, 3)).astype("float32")
    fast = optimize_for_inference(model)
    np.testing.assert_allclose(fast(images), model(images), rtol=1e-3, atol=1e-4)


def test_an_open_size_gives_the_same_logits_as_the_fixed_size(images):
    fixed = build_model(SMALL)
    free = build_model(SMALL, input_shape=(None, None, 3))
    free.set_weights(fixed.get_weights())
    np.testing.assert_array_equal(free(images), fixed(images))


def test_one_channel_saves_two_thirds_of_the_stem():
    gray = build_model(SMALL, input_shape=(28, 28, 1))
    assert count(gray.trainable_weights) == 75_290 - 2 * 9 * 16
    assert gray(np.zeros((1, 28, 28, 1), "float32")).shape == (1, 10)


@pytest.mark.parametrize(
    "shape", [(32, 32), (7, 32, 3), (32, 32, None), (32, 32, 0), "32", (32.0, 32, 3)]
)
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(SettingError, match=r"^input_shape must be \(height, width, ch"):
        build_model(SMALL, input_shape=shape)


@pytest.mark.parametrize("name", ["", "a/b", 3])
def test_wrong_names_are_refused(name):
    with pytest.raises(SettingError, match="^name must be text without '/', received"):
        build_model(SMALL, name=name)


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "keras.md"
    examples = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
    assert len(examples) == 6
    monkeypatch.chdir(tmp_path)
    found = {}
    exec("\n".join(examples), found)
    assert [x.name for x in found["model"].layers if x.trainable] == ["logits"]
    assert found["again"].count_params() == found["model"].count_params()
    assert found["free"].input_shape == (None, None, None, 3)
