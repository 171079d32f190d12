"""Computes further figures from one evaluation pass, as JSON values."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from resnet_tf.evaluation.calibration import (
    expected_calibration_error,
    reliability,
    softmax,
)
from resnet_tf.evaluation.counts import wilson_interval
from resnet_tf.evaluation.full_pass import Result

BINS, SHOWN, CONFUSED = 15, 24, 10


def by_class(counts: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns `name`, `n`, `error` and its 95 % Wilson `interval` of each class.

    Args:
        counts: Number of images by true and predicted class (c, c).
        names: Names of the c classes. A class without images has no error and no
            interval.
    """
    found = []
    for label, name in enumerate(names):
        n = int(counts[label].sum())
        wrong = n - int(counts[label, label])
        error = 100 * wrong / n if n else None
        interval = list(wilson_interval(wrong, n)) if n else None
        found.append({"name": name, "n": n, "error": error, "interval": interval})
    return found


def confused_most(counts: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns `true`, `predicted` and `n` of the most frequent confusions.

    Args:
        counts: Number of images by true and predicted class (c, c).
        names: Names of the c classes.
    """
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED]
    places = (np.unravel_index(place, wrong.shape) for place in order)
    return [
        {"true": names[true], "predicted": names[predicted], "n": int(n)}
        for true, predicted in places
        if (n := wrong[true, predicted])
    ]


def trust(result: Result, temperature: float) -> dict[str, Any]:
    """Returns the calibration error and the bins of a reliability diagram.

    Returns:
        `ece` in percentage points, and `bins`: the fields of each `Bin`, with the 95 %
        Wilson `interval` of its accuracy.
    """
    bins = reliability(softmax(result.logits, temperature), result.labels, BINS)
    return {
        "ece": expected_calibration_error(bins),
        "bins": [
            {
                **dataclasses.asdict(one),
                "interval": [
                    bound / 100
                    for bound in wilson_interval(round(one.accuracy * one.n), one.n)
                ],
            }
            for one in bins
        ],
    }


def confident_mistakes(result: Result, temperature: float) -> list[dict[str, Any]]:
    """Returns the wrongly classified images, the most confident predictions first.

    Returns:
        For each image `index`, `true`, `predicted` and the `probability` of the
        predicted class.
    """
    shares = softmax(result.logits, temperature)
    predicted, names = result.predictions, result.class_names
    confidence = shares[np.arange(result.n), predicted]
    order = np.argsort(-confidence, kind="stable")
    worst = order[predicted[order] != result.labels[order]][:SHOWN]
    return [
        {
            "index": int(index),
            "true": names[result.labels[index]],
            "predicted": names[predicted[index]],
            "probability": float(confidence[index]),
        }
        for index in worst
    ]
