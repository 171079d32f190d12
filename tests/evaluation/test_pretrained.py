import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli.predict import _line
from resnet_tf.config import differences
from resnet_tf.data.pipeline import normalize
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.evaluation.calibration import softmax
from resnet_tf.evaluation.predict import Guess, Prediction


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    """Returns a checkpoint of ResNet-8 for the digits with changed statistics."""
    folder = tmp_path_factory.mktemp("saved") / "c"
    config = tiny()
    model = resnet_tf.build_model(config.model)
    generator = np.random.default_rng(0)
    for weight in (weight for weight in model.weights if weight.ndim == 1):
        weight.assign(weight + generator.uniform(0.0, 0.2, weight.shape))
    save_checkpoint(folder, model, config, {"step": 3})
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the checkpoint, to be changed."""
    return shutil.copytree(saved, tmp_path / "c")


@pytest.fixture(scope="module")
def pretrained(saved):
    return resnet_tf.load_pretrained(saved)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 32, 32, 3), np.uint8)


def test_the_attributes(pretrained, tiny):
    assert pretrained.model.name == "resnet8"
    assert differences(pretrained.config, tiny()) == {}
    assert pretrained.metrics["step"] == 3
    assert pretrained.class_names == tuple("0123456789")
    with pytest.raises(dataclasses.FrozenInstanceError):
        pretrained.model = None


def test_the_class_names_come_from_the_checkpoint(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    names = ["one \x1b[2J", *"abcdefghi"]
    (folder / "metrics.json").write_text(json.dumps({**metrics, "class_names": names}))
    pretrained = resnet_tf.load_pretrained(folder)
    assert pretrained.class_names == tuple(names)
    found = Prediction(Path("a.png"), (Guess(names[0], 0, 0.5),))
    assert _line(found) == r"a.png: one \x1b[2J 50.0 %"
    del names[0]
    (folder / "metrics.json").write_text(json.dumps({**metrics, "class_names": names}))
    with pytest.raises(CheckpointError, match="metrics.json must be 10, received 9"):
        resnet_tf.load_pretrained(folder)


def test_probabilities_of_images_prepared_as_in_training(pretrained, pixels):
    data = pretrained.config.data
    mean, std = np.array(data.channel_mean), np.array(data.channel_std)
    seen = ((pixels / 255 - mean) / std).astype("float32")
    expected = softmax(pretrained.model(seen).numpy())
    found = pretrained.predict_images(pixels)
    assert (found.shape, found.dtype) == ((5, 10), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert found.std(axis=0).max() > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 5, 1000])
def test_the_batch_size_does_not_matter(pretrained, pixels, batch_size):
    whole = pretrained.predict_images(pixels)
    found = pretrained.predict_images(pixels, batch_size)
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_images_of_another_size_are_resized(pretrained, pixels):
    large = pixels.repeat(3, axis=1).repeat(3, axis=2)
    seen = normalize(large, pretrained.config.data)
    expected = softmax(pretrained.model(seen).numpy())
    np.testing.assert_allclose(pretrained.predict_images(large), expected, atol=1e-5)
    color = np.broadcast_to(pixels[:, :1, :1], (5, 32, 32, 3))
    small = pretrained.predict_images(np.ascontiguousarray(color))
    wide = np.broadcast_to(pixels[:, :1, :1], (5, 20, 50, 3))
    np.testing.assert_allclose(pretrained.predict_images(wide), small, atol=1e-5)


def test_the_central_square_is_used(pretrained, pixels):
    wide = np.pad(pixels, [(0, 0), (0, 0), (3, 4), (0, 0)])
    tall = np.pad(pixels, [(0, 0), (2, 2), (0, 0), (0, 0)])
    expected = pretrained.predict_images(pixels)
    for padded in (wide, tall):
        np.testing.assert_array_equal(pretrained.predict_images(padded), expected)


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (np.zeros((2, 32, 32, 3), "float32"), r"float32 \(2, 32, 32, 3\)"),
        (np.zeros((32, 32, 3), "uint8"), r"uint8 \(32, 32, 3\)"),
        (np.zeros((2, 32, 32, 1), "uint8"), r"uint8 \(2, 32, 32, 1\)"),
        (np.zeros((0, 32, 32, 3), "uint8"), r"uint8 \(0, 32, 32, 3\)"),
        (np.zeros((2, 0, 32, 3), "uint8"), r"uint8 \(2, 0, 32, 3\)"),
        ([[[[0, 0, 0]]]], "list"),
    ],
)
def test_invalid_images(pretrained, images, received):
    message = rf"images must be a uint8 array \(N, H, W, 3\) .* received {received}$"
    with pytest.raises(SettingError, match=message):
        pretrained.predict_images(images)


def test_probabilities_with_the_temperature(pretrained, folder, pixels):
    assert pretrained.temperature is None
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["calibration"] = {"temperature": 2.0}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    calibrated = resnet_tf.load_pretrained(folder)
    assert calibrated.temperature == 2.0
    roots = np.sqrt(pretrained.predict_images(pixels))
    expected = roots / roots.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibrated.predict_images(pixels), expected, atol=1e-5)
    metrics["calibration"] = {"temperature": 0}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(CheckpointError, match="positive number, received 0"):
        resnet_tf.load_pretrained(folder)


def test_wrong_settings(pretrained, folder, pixels):
    with pytest.raises(SettingError, match="batch_size must be at least 1, received 0"):
        pretrained.predict_images(pixels, 0)
    with pytest.raises(SettingError, match="dtype must be one of .* received 'float8'"):
        resnet_tf.load_pretrained(folder, "float8")


def test_another_precision(folder):
    half = resnet_tf.load_pretrained(folder, "mixed_bfloat16")
    assert half.model.get_layer("stem_conv").compute_dtype == "bfloat16"


def test_a_wrong_name():
    with pytest.raises(CheckpointError, match="received 'model_9'"):
        resnet_tf.load_pretrained("model_9")
