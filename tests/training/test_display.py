from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import resnet_tf
from resnet_tf import build_model
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.sources import load_split
from resnet_tf.training import display

BLOCKS = ("stem_conv", "stem_bn", "stage1_block1", "stage3_block1", "logits")


@pytest.fixture(scope="module")
def one(tiny, tmp_path_factory):
    """The config and the folder of a run on one device."""
    config, folder = tiny(strategy="one"), tmp_path_factory.mktemp("run")
    resnet_tf.train(config, folder)
    return config, folder


@pytest.fixture(scope="module", params=["one", "mirrored"])
def run(request, tiny, one, tmp_path_factory):
    config, folder = one
    if request.param == "mirrored":
        config, folder = tiny(strategy="mirrored"), tmp_path_factory.mktemp("run")
        resnet_tf.train(config, folder)
    kept = {"tensors": 0, "images": 0, "graph": 1}
    events = EventAccumulator(str(folder / "tensorboard"), kept).Reload()
    return config, folder, events


def test_what_tensorboard_shows(run):
    config, folder, events = run
    scalars = events.PluginTagToContent("scalars").keys()
    assert {"train_loss", "learning_rate", "validation_error"} <= scalars
    assert {f"gradient/{block}" for block in BLOCKS} <= scalars
    histograms = events.PluginTagToContent("histograms").keys()
    assert len(histograms) == 7 and "gamma/stage1_block1/bn2/gamma" in histograms
    assert set(events.PluginTagToContent("images")) == {"augmented", "confusion"}
    assert "_hparams_/session_start_info" in events.PluginTagToContent("hparams")
    assert events.Graph().node
    assert [event.step for event in events.Tensors("gradient/logits")] == [2, 4]
    assert [event.step for event in events.Tensors("confusion")] == [4]
    size = events.Tensors("augmented")[0].tensor_proto
    assert len(tf.make_ndarray(size)) == 2 + 16


def test_the_gradients_use_the_last_weights(run):
    config, folder, events = run
    model = load_checkpoint(folder).model
    images = load_split(config.data, "train")
    with tf.GradientTape() as tape:
        logits = model(normalize(images.images[:64], config.data), training=False)
        loss = tf.keras.losses.sparse_categorical_crossentropy(
            images.labels[:64], logits, from_logits=True
        )
        loss = tf.reduce_mean(loss)
    kernel, bias = tape.gradient(loss, [w.value for w in model.layers[-1].weights])
    expected = np.sqrt(np.sum(kernel.numpy() ** 2) + np.sum(bias.numpy() ** 2))
    shown = tf.make_ndarray(events.Tensors("gradient/logits")[-1].tensor_proto)
    np.testing.assert_allclose(shown, expected, rtol=1e-4)


def test_tensorboard_changes_no_bit(one, tmp_path, monkeypatch):
    config, drawn = one
    for name in ("begin", "report", "end"):
        monkeypatch.setattr(display.Pictures, name, lambda *_: None)
    resnet_tf.train(config, tmp_path)
    name = "model.weights.h5"
    assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()


def test_the_first_report_builds_no_graph(tiny):
    config = tiny()
    model = build_model(config.model)
    images = load_split(config.data, "train")
    shown = []
    board = SimpleNamespace(
        scalars=lambda values, step: shown.append(values),
        histograms=lambda values, step: None,
    )
    pictures = display.Pictures(board, model, config, images)
    pictures.report(2)
    assert "_compiled_squares" not in vars(pictures)
    pictures.report(4)
    assert "_compiled_squares" in vars(pictures)
    first, second = shown
    assert first.keys() == second.keys() >= {f"gradient/{block}" for block in BLOCKS}
    np.testing.assert_allclose(list(first.values()), list(second.values()), rtol=1e-5)
