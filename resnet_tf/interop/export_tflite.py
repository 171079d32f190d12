"""LiteRT, formerly TensorFlow Lite: one file for phones and small machines.

The file is a ZIP archive too, as in TFLite Metadata: `unzip -p FILE labels.txt`.
"""

import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from resnet_tf.interop import export_saved_model
from resnet_tf.interop.export_model import IMAGES, Classifier, Runner

LABELS, METADATA = "labels.txt", "metadata.json"
_SIGNATURE = "serving_default"


def write(
    model: Classifier,
    path: Path,
    metadata: dict[str, Any],
    *,
    float16: bool = False,
    images: np.ndarray | None = None,
) -> None:
    """Writes the file.

    Args:
        model: What to export.
        path: The file.
        metadata: JSON values with `class_names`.
        float16: Whether weights are float16 in the file.
        images: uint8 array (N, side, side, 3), for int8: the ranges of the maps are
            those that they take on these images.
    """
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model.write(model, Path(folder, "model"), metadata)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(Path(folder, "model")), signature_keys=[_SIGNATURE]
        )
        if float16 or images is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if float16:
            converter.target_spec.supported_types = [tf.float16]
        if images is not None:
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
                tf.lite.OpsSet.TFLITE_BUILTINS,
            ]
            converter.representative_dataset = lambda: _one_by_one(images)
        with warnings.catch_warnings():
            # The converter itself uses what TensorFlow calls deprecated.
            warnings.simplefilter("ignore", UserWarning)
            blob = converter.convert()
    path.write_bytes(blob)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(LABELS, "\n".join(metadata["class_names"]) + "\n")
        archive.writestr(METADATA, json.dumps(metadata, indent=2) + "\n")


def opened(path: Path) -> Runner:
    """Returns a function that runs the file, with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(str(path)).get_signature_runner(_SIGNATURE)
    return lambda images: signature(**{IMAGES: images})


def _one_by_one(images: np.ndarray) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for image in images:
        yield _SIGNATURE, {IMAGES: image[np.newaxis]}
