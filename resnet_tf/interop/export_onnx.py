"""ONNX: one file that many runtimes read."""

import json
import warnings
from pathlib import Path
from typing import Any

from resnet_tf.interop.export_model import IMAGES, Classifier, Runner

_BATCH = "N"


def write(model: Classifier, path: Path, metadata: dict[str, Any]) -> None:
    """Writes the file.

    Args:
        model: What to export.
        path: The file.
        metadata: JSON values, for "metadata" in the model's `metadata_props`.
    """
    import onnx

    with warnings.catch_warnings():
        # Keras makes tf2onnx 1.17 fit for numpy 2, which numpy warns of.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, "onnx", verbose=False, input_signature=model.signature)
    made = onnx.load(path)
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    onnx.helper.set_model_props(made, {"metadata": json.dumps(metadata)})
    onnx.checker.check_model(made)
    onnx.save(made, path)


def opened(path: Path) -> Runner:
    """Returns a function that runs the file, with ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(images):
        return dict(zip(names, session.run(names, {IMAGES: images}), strict=True))

    return run
