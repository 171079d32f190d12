"""Every released model loads, and does what its card says."""

import json
import os

import numpy as np
import pytest

import resnet_tf
from resnet_tf.checkpoints.resolve import pretrained_names, resolve
from resnet_tf.checkpoints.weights import load_checkpoint

pytestmark = pytest.mark.parametrize("name", pretrained_names())


def test_it_loads_strictly_and_gives_finite_logits(name, images):
    checkpoint = load_checkpoint(resolve(name))
    logits = checkpoint.model(images).numpy()
    assert np.isfinite(logits).all() and logits.std() > 0.1


def test_it_does_what_its_card_says(name):
    if "TFDS_DATA_DIR" not in os.environ:
        pytest.skip("TFDS_DATA_DIR is not set")
    metrics = json.loads((resolve(name) / "metrics.json").read_text())
    for split in ("test", "validation"):
        result = resnet_tf.evaluate(name, split, download=False)
        if result["n"] != metrics[f"n_{split}"]:
            continue
        # One image either way: rounding differs between processors.
        assert abs(result["error"] - metrics[f"{split}_error"]) <= 100 / result["n"]
