"""The export formats and the largest allowed differences of each."""

import importlib.util
from dataclasses import dataclass

from resnet_tf.config import unknown
from resnet_tf.errors import SettingError

EXTRA = "resnet_tf[export]"


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        runtime: Name of the package that runs the files.
        modules: Modules that writing and running need in addition to TensorFlow.
        logits: Largest allowed difference of a logit from the original's, as a share
            of the largest logit; None for no limit.
        error: Largest allowed increase of the error, in percentage points.
    """

    runtime: str
    modules: tuple[str, ...]
    logits: float | None
    error: float


_LITERT = ("ai-edge-litert", ("ai_edge_litert",))
_ONNX = ("onnxruntime", ("onnx", "tf2onnx", "onnxruntime"))

# When images are resized, another runtime can round a half the other way, so a pixel
# differs by 1 of 255. Therefore 1e-3 for formats with otherwise the same arithmetic.
FORMATS = {
    "saved_model": Format("tensorflow", (), logits=1e-4, error=0.1),
    "tflite": Format(*_LITERT, logits=1e-3, error=0.1),
    "tflite_float16": Format(*_LITERT, logits=1e-2, error=0.5),
    "tflite_int8": Format(*_LITERT, logits=None, error=0.5),
    "onnx": Format(*_ONNX, logits=1e-3, error=0.1),
}


def chosen_format(name: str) -> Format:
    """Returns the format of a name, once its modules are installed.

    Raises:
        SettingError: If the name is unknown, or a module is missing.
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
