"""TensorFlow's SavedModel: a folder that TensorFlow and its servers run."""

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from resnet_tf.interop.export_model import IMAGES, Classifier, Runner

METADATA = "assets.extra/metadata.json"


def write(model: Classifier, path: Path, metadata: dict[str, Any]) -> None:
    """Writes the folder; its signature is "serving_default".

    Args:
        model: What to export.
        path: The folder, which is made.
        metadata: JSON values, for `assets.extra/metadata.json`.
    """
    model.export(path, "tf_saved_model", verbose=False, input_signature=model.signature)
    file = path / METADATA
    file.parent.mkdir()
    file.write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")


def opened(path: Path) -> Runner:
    """Returns a function that runs the folder."""
    # The signature alone would not keep the weights alive.
    loaded = tf.saved_model.load(path)

    def run(images):
        signature = loaded.signatures["serving_default"]
        outputs = signature(**{IMAGES: tf.constant(images)})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return run
