"""The formats that a checkpoint can be exported to, and how exact each must be."""

import importlib.util
from dataclasses import dataclass

from resnet_tf.config import unknown
from resnet_tf.errors import SettingError

EXTRA = "resnet_tf[export]"


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        runtime: The distribution that runs its files.
        modules: What must be installed beside TensorFlow to write and to run it.
        logits: The largest difference of a logit from the original's that is allowed,
            as a share of the largest logit; None for any.
        error: The points by which the error may be larger.
    """

    runtime: str
    modules: tuple[str, ...]
    logits: float | None
    error: float


_LITERT = ("ai-edge-litert", ("ai_edge_litert",))
_ONNX = ("onnxruntime", ("onnx", "tf2onnx", "onnxruntime"))

# Where images are resized another runtime may round a half the other way, so that a
# pixel differs by 1 of 255: hence 1e-3 for what is otherwise the same arithmetic.
FORMATS = {
    "saved_model": Format("tensorflow", (), logits=1e-4, error=0.1),
    "tflite": Format(*_LITERT, logits=1e-3, error=0.1),
    "tflite_float16": Format(*_LITERT, logits=1e-2, error=0.5),
    "tflite_int8": Format(*_LITERT, logits=None, error=0.5),
    "onnx": Format(*_ONNX, logits=1e-3, error=0.1),
}


def chosen_format(name: str) -> Format:
    """Returns a format whose modules are installed.

    Raises:
        SettingError: If it is unknown, or a module is missing.
    """
    if name not in FORMATS:
        raise SettingError(unknown("format", name, FORMATS))
    found = FORMATS[name]
    missing = [m for m in found.modules if importlib.util.find_spec(m) is None]
    if missing:
        raise SettingError(
            f"format {name} needs {', '.join(missing)}: pip install '{EXTRA}'"
        )
    return found
