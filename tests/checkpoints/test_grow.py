"""A grown network first computes the shallower one, and can learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.checkpoints.initial import initialize
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.models import build_model
from tests.checkpoints.test_initial import moved

NETWORKS = [
    {"order": "pre"},
    {"order": "post"},
    {"order": "post", "shortcut": "B"},
    {"order": "pre", "bottleneck": True},
]


@pytest.fixture
def grown(tiny, tmp_path):
    """Returns a function from settings to (shallow model, config of a deeper model)."""

    def make(blocks=3, build=moved, **settings):
        shallow = tiny(num_residual_blocks=1, **settings)
        source = build(shallow.model)
        save_checkpoint(tmp_path / "shallow", source, shallow, {})
        start = {"init_from": str(tmp_path / "shallow"), "grow": True}
        return source, tiny(num_residual_blocks=blocks, **start, **settings)

    return make


@pytest.mark.parametrize("settings", NETWORKS)
def test_the_function_is_preserved(settings, grown, images):
    source, config = grown(**settings)
    model = build_model(config.model)
    line = initialize(model, config)
    expected = source(images, training=False).numpy()
    found = model(images, training=False)
    assert len(model.weights) > len(source.weights)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert line == (
        f"weights from {config.train.init_from}: {len(source.weights)} tensors, "
        "the head among them"
    )


@pytest.mark.parametrize("settings", NETWORKS)
def test_new_blocks_learn(settings, grown, images):
    _, config = grown(blocks=2, build=build_model, **settings)
    model = build_model(config.model)
    initialize(model, config)
    # The first update changes the last weights of the residual, the second all of them.
    before = {w.path: np.array(w) for w in model.trainable_weights}
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(3):
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(range(8), logits)
            loss = tf.reduce_mean(losses)
        weights = model.trainable_weights
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        optimizer.apply(gradients, weights)
    for weight in model.trainable_weights:
        assert np.isfinite(weight).all(), weight.path
        assert np.any(np.array(weight) != before[weight.path]), weight.path


def test_the_same_number_of_blocks_is_a_copy(grown, images):
    source, config = grown(blocks=1)
    model = build_model(config.model)
    initialize(model, config)
    np.testing.assert_array_equal(model(images), source(images))


def test_another_head_is_replaced(tiny, tmp_path):
    theirs = tiny(num_residual_blocks=1, dataset="cifar100")
    save_checkpoint(tmp_path / "shallow", moved(theirs.model), theirs, {})
    start = {"init_from": str(tmp_path / "shallow"), "grow": True}
    config = tiny(num_residual_blocks=2, **start)
    model = build_model(config.model)
    expected = "the head of 100 classes is replaced by a new one of 10"
    assert expected in initialize(model, config)


def test_networks_that_cannot_grow(grown, tiny, tmp_path):
    with pytest.raises(SettingError, match="grow needs init_from"):
        tiny(grow=True)
    _, config = grown(shortcut="none")
    with pytest.raises(SettingError, match="with shortcuts, received .*shortcut=none"):
        initialize(build_model(config.model), config)
    deep = tiny(num_residual_blocks=3)
    save_checkpoint(tmp_path / "deep", moved(deep.model), deep, {})
    start = {"init_from": str(tmp_path / "deep"), "grow": True}
    config = tiny(num_residual_blocks=2, **start)
    with pytest.raises(SettingError, match="at least 3, .* received 2"):
        initialize(build_model(config.model), config)
    config = tiny(num_residual_blocks=3, order="post", **start)
    with pytest.raises(CheckpointError, match="order=pre, not post"):
        initialize(build_model(config.model), config)
    config = tiny(init_from="resnet18.pth", grow=True)
    with pytest.raises(SettingError, match="grow needs a checkpoint or run folder"):
        initialize(build_model(config.model), config)
