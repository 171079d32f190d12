"""The exported model, and functions that write and run it in each format."""

import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import normalize

IMAGES, LOGITS, PROBABILITIES = "images", "logits", "probabilities"
LABELS, METADATA = "labels.txt", "metadata.json"
_SIGNATURE = "serving_default"
_SAVED_METADATA = "assets.extra/metadata.json"
_ANY_NUMBER = "N"

# Function from uint8 (N, side, side, 3) to float32 (N, classes), by output name.
Runner = Callable[[np.ndarray], dict[str, np.ndarray]]


class Classifier(keras.Model):
    """A network with its preprocessing and the softmax.

    Args:
        network: Network from normalized images to logits, optimized for inference.
        data: Config of the preprocessing.
        temperature: Number to divide the logits by before the softmax, above 0.

    Call arguments:
        images: uint8 tensor (N, side, side, 3), RGB; `side` is `data.stored_side`.

    Returns:
        A dict of float32 tensors (N, classes), "logits" and "probabilities".

    Raises:
        InvalidArgumentError: If the images have another size. An exported file raises
            its runtime's error.
    """

    def __init__(
        self, network: keras.Model, data: DataConfig, temperature: float, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.network = network
        self.data = data
        self.temperature = temperature
        side = data.stored_side
        self(np.zeros((1, side, side, 3), np.uint8))

    def call(self, images):
        # LiteRT does not resize uint8 images.
        images = tf.cast(self._of_the_side(images), tf.float32)
        logits = self.network(normalize(images, self.data), training=False)
        probabilities = tf.nn.softmax(logits / self.temperature)
        return {LOGITS: logits, PROBABILITIES: probabilities}

    def _of_the_side(self, images):
        """Returns the images unchanged; the call fails if they have another size.

        SavedModel and LiteRT do not check a call against the signature, and most
        networks return logits for any size. A concatenation fails for unequal sizes
        in every runtime, and no converter removes it.
        """
        side = self.data.stored_side
        one = tf.zeros((1, side, side, 3), images.dtype)
        return tf.concat([images, one], axis=0)[:-1]

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Signature of a call: any number of images."""
        side = self.data.stored_side
        return [tf.TensorSpec((None, side, side, 3), tf.uint8, IMAGES)]

    def get_config(self):
        raise NotImplementedError("a Classifier is exported, not saved")


def write_saved_model(model: Classifier, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a SavedModel of TensorFlow with the signature "serving_default".

    Args:
        model: Model to export.
        path: Folder to create.
        metadata: JSON values for `assets.extra/metadata.json`.
    """
    model.export(path, "tf_saved_model", verbose=False, input_signature=model.signature)
    file = path / _SAVED_METADATA
    file.parent.mkdir()
    file.write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")


def open_saved_model(path: Path) -> Runner:
    """Returns a function that runs a SavedModel."""
    # `loaded` keeps the weights alive; the signature alone does not.
    loaded = tf.saved_model.load(path)

    def run(images):
        signature = loaded.signatures["serving_default"]
        outputs = signature(**{IMAGES: tf.constant(images)})
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return run


def write_tflite(
    model: Classifier,
    path: Path,
    metadata: dict[str, Any],
    *,
    float16: bool = False,
    images: np.ndarray | None = None,
) -> None:
    """Writes a LiteRT file.

    As in TFLite Metadata, the file is a ZIP archive too: `unzip -p FILE labels.txt`.

    Args:
        model: Model to export.
        path: File to write.
        metadata: JSON values with `class_names`.
        float16: Whether to store the weights as float16.
        images: For int8, the images that determine the ranges of the maps, uint8
            array (N, side, side, 3); None for other formats.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, Path(folder, "model"), metadata)
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
            # The converter calls deprecated functions of TensorFlow.
            warnings.simplefilter("ignore", UserWarning)
            blob = converter.convert()
    path.write_bytes(blob)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(LABELS, "\n".join(metadata["class_names"]) + "\n")
        archive.writestr(METADATA, json.dumps(metadata, indent=2) + "\n")


def open_tflite(path: Path) -> Runner:
    """Returns a function that runs a file with LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(str(path)).get_signature_runner(_SIGNATURE)
    return lambda images: signature(**{IMAGES: images})


def _one_by_one(images: np.ndarray) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    for image in images:
        yield _SIGNATURE, {IMAGES: image[np.newaxis]}


def write_onnx(model: Classifier, path: Path, metadata: dict[str, Any]) -> None:
    """Writes an ONNX file.

    Args:
        model: Model to export.
        path: File to write.
        metadata: JSON values for "metadata" in the model's `metadata_props`.
    """
    import onnx

    with warnings.catch_warnings():
        # Keras patches tf2onnx 1.17 for numpy 2, and numpy warns about the patch.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, "onnx", verbose=False, input_signature=model.signature)
    made = onnx.load(path)
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = _ANY_NUMBER
    onnx.helper.set_model_props(made, {"metadata": json.dumps(metadata)})
    onnx.checker.check_model(made)
    onnx.save(made, path)


def open_onnx(path: Path) -> Runner:
    """Returns a function that runs a file with ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(images):
        return dict(zip(names, session.run(names, {IMAGES: images}), strict=True))

    return run
