"""An exported file beside the network that it was made of."""

import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.data.split import Split
from resnet_tf.evaluation.calibration import softmax
from resnet_tf.evaluation.full_pass import FullPass, finite
from resnet_tf.evaluation.pretrained import Pretrained
from resnet_tf.interop.export_formats import Format
from resnet_tf.interop.export_model import LOGITS, PROBABILITIES, Runner

_BATCH = 64  # does not divide the number of images: the last batch is another one
_TIMED, _UNTIMED = 30, 3  # calls


def compared(
    run: Runner, pretrained: Pretrained, images: Split, labelled: bool
) -> dict[str, Any]:
    """Returns how far the file's results lie from the original's.

    Args:
        run: The exported file.
        pretrained: The original, whose network runs here as it was trained.
        images: What both see.
        labelled: Whether the labels are of the classes that the network knows.

    Returns:
        `n`, `largest_logit`, `logit_difference`, `probability_difference` (largest
        ones), `agreement` (images of the same class, in percent), `error` and
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
        # Not `>`: what is no number is beyond every bound.
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
    """Returns the bytes of a file, or of all in a folder."""
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
