"""Tests finite weights with outputs that are not finite."""

import numpy as np
import pytest

import resnet_tf
from resnet_tf.analysis.landscape import landscape
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.data.sources import load_split
from resnet_tf.errors import DivergedError
from resnet_tf.evaluation.full_pass import finite


@pytest.fixture
def overflowing(tiny, tmp_path):
    """Returns a checkpoint whose head multiplies by 1e38, and its model."""
    config = tiny()
    model = resnet_tf.build_model(config.model)
    kernel = model.get_layer("logits").kernel
    kernel.assign(np.full(kernel.shape, 3e38))
    save_checkpoint(tmp_path / "c", model, config, {})
    return tmp_path / "c", model, config


def test_evaluation_and_prediction_end_in_one_line(overflowing):
    folder, model, config = overflowing
    message = "^the network's outputs must be finite, received inf for image 0 of "
    with pytest.raises(DivergedError, match=f"{message}the test split"):
        resnet_tf.evaluate(folder)
    images = np.full((2, 32, 32, 3), 128, np.uint8)
    with pytest.raises(DivergedError, match=f"{message}the images"):
        resnet_tf.load_pretrained(folder).predict_images(images)
    split = load_split(config.data, "test").part("test", 0, 4)
    with pytest.raises(DivergedError, match="^the loss must be finite, received "):
        landscape(model, split, config.data, size=3)


def test_the_first_image_is_named():
    logits = np.zeros((4, 3), np.float32)
    np.testing.assert_array_equal(finite(logits), logits)
    logits[2:, 1] = -np.inf, np.nan
    message = "received -inf for image 2 of x; such outputs for 2 of 4 images$"
    with pytest.raises(DivergedError, match=message):
        finite(logits, "x")
