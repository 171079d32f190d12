"""Measures the calibration of a network and fits a temperature to improve it.

Reference: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from resnet_tf.errors import CheckpointError

_COLDEST, _HOTTEST = 0.01, 100.0
_HALVINGS = 60  # bisection steps, enough for the precision of a float64


@dataclass(frozen=True)
class Bin:
    """Predictions with similar confidence.

    Attributes:
        n: Number of predictions.
        confidence: Mean probability of the predicted class, in [0, 1].
        accuracy: Share of correct predictions, in [0, 1].
    """

    n: int
    confidence: float
    accuracy: float


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Returns probabilities, float64 array (N, classes), for logits (N, classes)."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns the T that minimizes the cross-entropy of softmax(logits / T).

    The predicted classes do not change. The cross-entropy is convex in 1 / T, so T is
    found by bisection on the sign of the derivative. If all images are classified
    correctly, they do not determine T: the cross-entropy decreases with T.

    Args:
        logits: Float array (N, classes), for images outside of the training set.
        labels: Integer array (N,).

    Returns:
        A number in [0.01, 100], or None if the minimum is at an end of this range and
        the images do not determine T.

    Raises:
        ValueError: If there are no images, or the number of labels differs.

    Reference: Guo et al. 2017, section 4.2.
    """
    _check(logits, labels)
    own = logits[np.arange(len(labels)), labels].astype(np.float64).mean()

    def is_too_cold(temperature: float) -> bool:
        expected = (softmax(logits, temperature) * logits).sum(axis=1).mean()
        # The derivative of the cross-entropy with respect to 1 / T is expected - own.
        return bool(expected > own)

    # If all images are correct, rounding alone determines the sign at small T.
    all_correct = bool((logits.argmax(axis=1) == labels).all())
    if all_correct or not is_too_cold(_COLDEST) or is_too_cold(_HOTTEST):
        return None
    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_too_cold(np.exp(middle)) else (low, middle)
    return float(np.exp((low + high) / 2))


def stated_temperature(metrics: Mapping[str, Any]) -> float | None:
    """Returns the temperature in a checkpoint's metrics, or None if there is none.

    Args:
        metrics: Content of `metrics.json`; `tools/calibrate.py` writes `calibration`.

    Raises:
        CheckpointError: If the temperature is not a positive number.
    """
    if "calibration" not in metrics:
        return None
    calibration = metrics["calibration"]
    found = calibration.get("temperature") if isinstance(calibration, dict) else None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not 0 < found < math.inf:
        raise CheckpointError(
            f"the temperature in metrics.json must be a positive number, received "
            f"{found!r:.40}"
        )
    return float(found)


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = 15
) -> list[Bin]:
    """Returns the nonempty bins, of equal width, of the confidences from 0 to 1.

    Args:
        probabilities: Float array (N, classes).
        labels: Integer array (N,).
        bins: Number of bins, at least 1; each bin includes its upper end.

    Raises:
        ValueError: If there are no images, the number of labels differs, or `bins` is
            below 1.

    Reference: Guo et al. 2017, section 2, with M = 15.
    """
    _check(probabilities, labels)
    if bins < 1:
        raise ValueError(f"bins must be at least 1, received {bins}")
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return [
        Bin(int(own.sum()), float(confidence[own].mean()), float(right[own].mean()))
        for own in (place == number for number in range(bins))
        if own.any()
    ]


def expected_calibration_error(bins: list[Bin]) -> float:
    """Returns the mean distance of accuracy and confidence, in percentage points."""
    distances = [one.n * abs(one.accuracy - one.confidence) for one in bins]
    return 100 * sum(distances) / sum(one.n for one in bins)


def _check(scores: np.ndarray, labels: np.ndarray) -> None:
    if len(labels) == 0 or len(scores) != len(labels):
        raise ValueError(
            f"there must be at least 1 image and one label per image, received "
            f"{len(labels)} labels for {len(scores)} images"
        )
