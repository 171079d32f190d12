"""Tests test-time augmentation against views made with NumPy."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import eval as eval_script
import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.config import DataConfig
from resnet_tf.errors import SettingError
from resnet_tf.evaluation.full_pass import FullPass
from resnet_tf.evaluation.tta import TTA, require_mirrors, views


def by_hand(images: np.ndarray, tta: str) -> list[tuple[float, np.ndarray]]:
    """Returns the weighted views: the mean over sides of the mean over shifts."""
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    shifts = {
        "none": [(1.0, 1)],
        "flip": [(1.0, 1)],
        "multicrop": [(0.5, 1), (0.25, 0), (0.25, 2)],
    }[tta]
    _, height, width, _ = images.shape
    crops = [
        (weight, padded[:, start : start + height, start : start + width])
        for weight, start in shifts
    ]
    if tta == "none":
        return crops
    return [
        (weight / 2, crop[:, :, ::side]) for weight, crop in crops for side in (1, -1)
    ]


@pytest.mark.parametrize("tta", TTA)
def test_the_views_by_hand(images, tta):
    found = list(views(tf.constant(images), tta))
    expected = by_hand(images, tta)
    assert len(found) == {"none": 1, "flip": 2, "multicrop": 6}[tta]
    for (weight, view), (share, own) in zip(found, expected, strict=True):
        assert weight == share
        np.testing.assert_array_equal(view, own)
    assert sum(weight for weight, _ in found) == 1


@pytest.mark.parametrize("tta", TTA)
def test_a_pass_returns_the_mean_logits(tta):
    """The network is a matrix, so its logits show every pixel of every view."""
    side, generator = 32, np.random.default_rng(0)
    matrix = generator.normal(size=(side * side * 3, 5)).astype(np.float32)

    class Linear(keras.Model):
        def call(self, inputs, training=None):
            return tf.reshape(inputs, (-1, side * side * 3)) @ matrix

    images = generator.integers(0, 256, (7, side, side, 3), np.uint8)
    config = DataConfig(normalization="mean_std")
    found = FullPass(Linear(), config, tta=tta).logits(images, 3)
    normal = (images / 255 - config.channel_mean) / config.channel_std
    expected = sum(
        weight * view.reshape(7, -1) @ matrix for weight, view in by_hand(normal, tta)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=5e-3)


def test_only_images_that_can_be_mirrored_are():
    for data in (
        DataConfig(dataset="digits"),
        DataConfig(dataset="folder", validation_size=5, flip=False),
    ):
        require_mirrors("none", data)
        for tta in ("flip", "multicrop"):
            with pytest.raises(
                SettingError, match=f"tta must be none .* received {tta}"
            ):
                require_mirrors(tta, data)
    require_mirrors("flip", DataConfig(dataset="cifar10", flip=False))
    require_mirrors("flip", DataConfig(dataset="folder", validation_size=5))


def test_evaluation_prints_and_stores_its_views(tiny, fake_cifar, tmp_path, capsys):
    config = tiny(dataset="cifar10", validation_size=16)
    ckpt = tmp_path / "checkpoint"
    save_checkpoint(ckpt, resnet_tf.build_model(config.model), config, {})
    folders = {"data_dir": fake_cifar, "cache_dir": str(tmp_path / "cache")}
    plain = resnet_tf.evaluate(ckpt, **folders)
    eval_script.main([
        f"--ckpt={ckpt}", "--tta=flip", f"--json_output={tmp_path / 'result.json'}",
        *(f"--{name}={folder}" for name, folder in folders.items()),
    ])  # fmt: skip
    stored = json.loads((tmp_path / "result.json").read_text())
    assert (plain["tta"], stored["tta"]) == ("none", "flip")
    assert stored["loss"] != plain["loss"]
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("error ") and line.endswith(" %, tta=flip)")
