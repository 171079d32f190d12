"""Every released model loads and matches its card."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import resnet_tf
from resnet_tf.checkpoints.resolve import pretrained_names, pretrained_root, resolve
from resnet_tf.evaluation.calibration import softmax
from resnet_tf.evaluation.full_pass import FullPass

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from golden import IMAGES, LOGITS, generated_images  # noqa: E402

every_model = pytest.mark.parametrize("name", pretrained_names())


def stated(name: str, file: str) -> dict:
    return json.loads((resolve(name) / file).read_text())


@pytest.mark.parametrize(
    "name",
    [  # The deepest network takes as long as all others.
        pytest.param(name, marks=[pytest.mark.slow] if name == "model_110" else [])
        for name in pretrained_names()
    ],
)
def test_the_logits_match_the_stored_logits(name):
    pretrained = resnet_tf.load_pretrained(name)  # checks the SHA-256
    record = stated(name, LOGITS)
    assert record["weights_sha256"] == stated(name, "metrics.json")["weights_sha256"]
    logits = np.array(record["logits"])
    assert logits.shape == (IMAGES, pretrained.config.model.num_classes)
    images = generated_images(pretrained.config.data, record["seed"])
    # Optimized for inference, with the native kernels.
    found = pretrained._full_pass.logits(images, IMAGES)
    assert np.abs(found - logits).max() <= 1e-4 * np.abs(logits).max()
    shares = softmax(logits, stated(name, "metrics.json")["calibration"]["temperature"])
    np.testing.assert_allclose(pretrained.predict_images(images), shares, atol=1e-4)


def test_the_network_as_trained_has_the_stored_logits():
    pretrained = resnet_tf.load_pretrained("model_20")
    record = stated("model_20", LOGITS)
    images = generated_images(pretrained.config.data, record["seed"])
    found = FullPass(pretrained.model, pretrained.config.data).logits(images, IMAGES)
    logits = np.array(record["logits"])
    assert np.abs(found - logits).max() <= 1e-4 * np.abs(logits).max()


@pytest.mark.slow  # The 50,000 training images are decoded.
@every_model
def test_the_errors_match_the_card(name, real_cifar):
    metrics = stated(name, "metrics.json")
    for split in ("test", "validation"):
        result = resnet_tf.evaluate(name, split, cache_dir=real_cifar, download=False)
        if result["n"] != metrics[f"n_{split}"]:
            continue
        # One image more or less: rounding differs between processors.
        assert abs(result["error"] - metrics[f"{split}_error"]) <= 100 / result["n"]


@every_model
def test_the_temperature_is_fitted_on_validation_images(name):
    metrics = stated(name, "metrics.json")
    found = metrics["calibration"]
    assert (found["fitted_on"], found["bins"]) == ("validation", 15)
    assert found["n"] == found["n_validation"] == metrics["n_validation"]
    assert found["validation_ece_after"] < found["validation_ece_before"]


def test_the_total_size_is_small():
    files = (path for path in pretrained_root().rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in files) < 30e6
