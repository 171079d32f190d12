import json

import keras
import numpy as np
import pytest
from calibrate import calibrate
from card import card

import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.data.digits import load
from resnet_tf.data.pipeline import normalize
from resnet_tf.evaluation.calibration import softmax
from resnet_tf.evaluation.full_pass import FullPass


@pytest.fixture
def folder(tiny, tmp_path):
    """A network with a fitted head, which is more often sure than right."""
    config = tiny()
    model = resnet_tf.build_model(config.model)
    head = model.get_layer("logits")
    images = load(test=False).part("train", 0, 500)
    features = keras.Model(model.input, head.input)
    maps = features(normalize(images.images, config.data)).numpy()
    kernel = np.linalg.lstsq(maps, np.eye(10)[images.labels], rcond=None)[0]
    head.kernel.assign(30 * kernel)
    save_checkpoint(tmp_path / "model_8", model, config, {"step": 4})
    return tmp_path / "model_8"


def test_the_temperature_fits_the_validation_images(folder):
    temperature = calibrate(folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    found = metrics["calibration"]
    assert metrics["step"] == 4 and found["temperature"] == temperature
    assert found["command"] == "python tools/calibrate.py pretrained/model_8"
    sizes = {"n": 180, "n_validation": 180, "n_test": 360, "bins": 15}
    assert {name: found[name] for name in sizes} == sizes
    for split in ("validation", "test"):
        before, after = (found[f"{split}_ece_{when}"] for when in ("before", "after"))
        assert 0 <= after < before <= 100
    training = load(test=False)
    validation = training.part("validation", len(training) - 180, len(training))
    calibrated = resnet_tf.load_pretrained(folder)
    assert calibrated.temperature == temperature
    full_pass = FullPass(calibrated.model, calibrated.config.data)
    logits = full_pass.logits(validation.images, 180)

    def cross_entropy(temperature):
        own = softmax(logits, temperature)[np.arange(180), validation.labels]
        return -np.log(own).mean()

    assert cross_entropy(temperature) < cross_entropy(0.9 * temperature)
    assert cross_entropy(temperature) < cross_entropy(1.1 * temperature)


def test_the_card_states_the_temperature(tiny):
    metrics = {
        "command": "python train.py", "seconds": 9.0, "images_per_second": 1.0,
        "machine": {"cpu": "C", "cores": 2, "system": "S"}, "versions": {},
        "parameters": 1, "step": 4, "commit": "c", "weights_sha256": "s",
    }  # fmt: skip
    for split in ("validation", "test"):
        metrics |= {f"{split}_error": 1.0, f"{split}_interval": [0.0, 2.0]}
        metrics[f"n_{split}"] = 360
    text = card("model_8", tiny(), metrics)
    assert "temperature" not in text and "probabilities are not calibrated" in text
    metrics["calibration"] = {
        "temperature": 1.5, "fitted_on": "validation", "n": 180, "bins": 15,
        "n_validation": 180, "validation_ece_before": 9.0, "validation_ece_after": 1.0,
        "n_test": 360, "test_ece_before": 8.0, "test_ece_after": 2.0,
    }  # fmt: skip
    text = card("model_8", tiny(), metrics)
    assert (
        "| temperature | 1.5000, fitted on 180 validation images; expected calibration "
        "error in points (15 bins): 9.00 without and 1.00 with it on 180 validation "
        "images, 8.00 without and 2.00 with it on 360 test images |\n"
    ) in text
    assert "probabilities are calibrated for its own data only" in text
