"""Exports a checkpoint for another runtime, runs the file there and compares."""

import contextlib
import dataclasses
import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.config import DataConfig
from resnet_tf.data.sources import load_split, require_classes
from resnet_tf.data.split import Split
from resnet_tf.disk import writing
from resnet_tf.errors import DataError, ResnetTfError, SettingError
from resnet_tf.evaluation.calibration import softmax
from resnet_tf.evaluation.full_pass import FullPass, finite
from resnet_tf.evaluation.pretrained import Pretrained, load_pretrained
from resnet_tf.interop.card import preprocessing
from resnet_tf.interop.export_formats import Format, chosen_format
from resnet_tf.interop.export_runtimes import (
    LOGITS,
    PROBABILITIES,
    Classifier,
    Runner,
    open_onnx,
    open_saved_model,
    open_tflite,
    write_onnx,
    write_saved_model,
    write_tflite,
)
from resnet_tf.interop.files import require_free
from resnet_tf.layers import MaxPool
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.startup import hidden_stderr

INT8 = "tflite_int8"
CHECKED = 5000  # images
# More images have rarer extremes. They widen the ranges, so other values get coarser.
CALIBRATED = 128
_BATCH = 64  # not a divisor of the number of images, so the last batch is smaller
_TIMED, _UNTIMED = 30, 3  # calls

# The functions that write and open a file, by format.
_TOOLS: dict[str, tuple[Callable[..., None], Callable]] = {
    "saved_model": (write_saved_model, open_saved_model),
    "tflite": (write_tflite, open_tflite),
    "tflite_float16": (functools.partial(write_tflite, float16=True), open_tflite),
    INT8: (write_tflite, open_tflite),
    "onnx": (write_onnx, open_onnx),
}


def export(
    ckpt: str | Path,
    format_name: str,
    output: Path,
    *,
    data_dir: str | None = None,
    cache_dir: str | None = None,
) -> dict[str, Any]:
    """Writes a checkpoint in another format, runs the file and compares.

    The file takes images as in the data set, uint8 (N, side, side, 3) with any N, and
    returns "logits" and "probabilities". It contains preprocessing, temperature and
    softmax, and the class names as metadata. It is run on the first `CHECKED` test
    images, or on the digits, without an error, if the data set is not available.

    Args:
        ckpt: Name of a released model, a checkpoint folder or a run folder.
        format_name: A key of `FORMATS`. For "tflite_int8" the first `CALIBRATED`
            training images determine the ranges of the maps.
        output: New path of the file to write, or of the folder for "saved_model".
        data_dir: See `DataConfig`; nothing is downloaded.
        cache_dir: See `DataConfig`.

    Returns:
        The result of `compared` and `checkpoint`, `format`, `output`, `bytes`,
        `metadata` (as in the file), `runtime`, `images` (their origin),
        `calibrated_on` (None except for int8) and `failures`, see `failures`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If `data_dir` has no test images, or int8 has no training images.
        OutputError: If `output` is taken or cannot be written.
        SettingError: If the format is unknown, needs a missing package or cannot hold
            the network, or the network normalizes with batch statistics.
    """
    form = chosen_format(format_name)
    require_free(output)
    pretrained = _loaded(ckpt)
    data = dataclasses.replace(
        pretrained.config.data, data_dir=data_dir, cache_dir=cache_dir, download=False
    )
    images, labelled = _test_images(data, pretrained)
    calibrating = _training_images(data) if format_name == INT8 else {}
    about = _metadata(pretrained, ckpt)
    run = _converted(pretrained, format_name, output, about, calibrating)
    found = compared(run, pretrained, images, labelled)
    return {
        "checkpoint": str(ckpt),
        "format": format_name,
        "output": str(output),
        "bytes": size(output),
        "metadata": about,
        "runtime": f"{form.runtime} {metadata.version(form.runtime)}",
        "images": f"{data.dataset if labelled else 'digits'} test",
        "calibrated_on": len(calibrating["images"]) if calibrating else None,
        **found,
        "failures": failures(found, form),
    }


def _loaded(ckpt: str | Path) -> Pretrained:
    pretrained = load_pretrained(ckpt)
    if pretrained.config.model.bn_eval == "batch":
        raise SettingError(
            "bn_eval must be moving for an export, received batch: each output would "
            "depend on the other images in the batch"
        )
    return pretrained


def _metadata(pretrained: Pretrained, ckpt: str | Path) -> dict[str, Any]:
    data = pretrained.config.data
    side, trained = data.stored_side, pretrained.model.trainable_variables
    return {
        "checkpoint": Path(ckpt).name,
        "weights_sha256": pretrained.metrics["weights_sha256"],
        "network": pretrained.config.model.title,
        "parameters": sum(v.value.shape.num_elements() for v in trained),
        "input": f"uint8 (N, {side}, {side}, 3), RGB",
        "other_sizes": "refused",
        "preprocessing": f"inside: {preprocessing(data)}",
        "temperature": pretrained.temperature,
        "class_names": list(pretrained.class_names),
    }


def _classifier(pretrained: Pretrained) -> Classifier:
    network = optimize_for_inference(pretrained.model)
    for layer in network.layers:
        if isinstance(layer, MaxPool):
            layer.repeat_edge = True
    return Classifier(network, pretrained.config.data, pretrained.temperature or 1.0)


def _converted(
    pretrained: Pretrained,
    format_name: str,
    output: Path,
    about: dict[str, Any],
    calibrating: dict[str, np.ndarray],
) -> Runner:
    """Writes the file and returns a function that runs it.

    Raises:
        OutputError: If the file cannot be written.
        SettingError: If the converter or the runtime does not support the network.
    """
    write, opened = _TOOLS[format_name]
    try:
        # The converters print many lines.
        with hidden_stderr(shown_on_error=False):
            with _written(output) as partial:
                write(_classifier(pretrained), partial, about, **calibrating)
            return opened(output)
    except ResnetTfError:
        raise
    except Exception as error:  # converters and runtimes document no error types
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise SettingError(
            f"format {format_name} cannot hold this network: {reason}"
        ) from error


def _test_images(data: DataConfig, pretrained: Pretrained) -> tuple[Split, bool]:
    """Returns images to compare on, and whether they have the network's classes."""
    try:
        split = load_split(data, "test").part("test", 0, CHECKED)
    except (DataError, SettingError):
        if data.data_dir is not None:
            raise
        return _digits(data.stored_side), False
    require_classes(
        split,
        pretrained.config.model.num_classes,
        pretrained.metrics.get("class_names"),
    )
    return split, True


def _digits(side: int) -> Split:
    """Returns the digits, resized to any side with the nearest pixel."""
    split = load_split(DataConfig(dataset="digits"), "test")
    places = np.arange(side) * split.images.shape[1] // side
    pixels = np.ascontiguousarray(split.images[:, places][:, :, places])
    return dataclasses.replace(split, images=pixels)


def _training_images(data: DataConfig) -> dict[str, np.ndarray]:
    return {"images": load_split(data, "train").images[:CALIBRATED]}


@contextlib.contextmanager
def _written(output: Path) -> Iterator[Path]:
    """Yields a path to write to, and moves the result to `output` at the end."""
    with (
        writing(output),
        tempfile.TemporaryDirectory(dir=output.parent, prefix=".export") as folder,
    ):
        partial = Path(folder, output.name)
        yield partial
        # Another process can have written there meanwhile.
        require_free(output)
        os.replace(partial, output)


def compared(
    run: Runner, pretrained: Pretrained, images: Split, labelled: bool
) -> dict[str, Any]:
    """Compares the outputs of an exported file with the original's.

    Args:
        run: Function that runs the exported file.
        pretrained: The original network.
        images: Images for both.
        labelled: Whether the labels are of the network's classes.

    Returns:
        `n` (number of images), `largest_logit`, `logit_difference` and
        `probability_difference` (the largest differences), `agreement` (share of
        images with the same predicted class, in percent), `error` and
        `original_error` (in percent, None without labels), `latency_ms` and
        `original_latency_ms` (median time from one image to its probabilities).
    """
    original = FullPass(pretrained.model, pretrained.config.data)(images, _BATCH)
    logits = finite(original.logits)
    probabilities = softmax(logits, pretrained.temperature or 1.0)
    outputs = _whole(run, images.images)
    written = dataclasses.replace(original, logits=outputs[LOGITS])
    same = written.predictions == original.predictions
    one = images.images[:1]
    return {
        "n": len(images),
        "largest_logit": _largest(logits),
        "logit_difference": _largest(outputs[LOGITS] - logits),
        "probability_difference": _largest(outputs[PROBABILITIES] - probabilities),
        "agreement": 100 * float(same.mean()),
        "error": written.error if labelled else None,
        "original_error": original.error if labelled else None,
        "latency_ms": _latency(lambda: run(one)),
        "original_latency_ms": _latency(lambda: pretrained.predict_images(one)),
    }


def failures(found: dict[str, Any], bound: Format) -> list[str]:
    """Returns a line for each figure beyond the bounds of the format."""
    lines = []
    if bound.logits is not None:
        allowed = bound.logits * found["largest_logit"]
        # `not <=` rather than `>`, so that NaN fails too.
        if not found["logit_difference"] <= allowed:
            lines.append(
                f"a logit differs by {found['logit_difference']:.2g}, "
                f"{allowed:.2g} is allowed"
            )
    if found["error"] is not None:
        worse = found["error"] - found["original_error"]
        if worse > bound.error + 1e-9:
            lines.append(
                f"the error is {worse:.2f} points worse, {bound.error} are allowed"
            )
    return lines


def size(path: Path) -> int:
    """Returns the size in bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _whole(run: Runner, images: np.ndarray) -> dict[str, np.ndarray]:
    parts = [run(images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in (LOGITS, PROBABILITIES)
    }


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _latency(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(_UNTIMED + _TIMED):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[_UNTIMED:])
