"""Evaluates the mistakes, the confidence and the robustness of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resnet_tf.analysis.in_depth.corruptions import spoiled
from resnet_tf.checkpoints.stored import opened
from resnet_tf.data.sources import require_split
from resnet_tf.data.split import SplitName
from resnet_tf.errors import DataError, SettingError
from resnet_tf.evaluation.calibration import fit_temperature
from resnet_tf.evaluation.counts import confusion_matrix
from resnet_tf.evaluation.evaluate import Subject, subject

if TYPE_CHECKING:
    from resnet_tf.evaluation.full_pass import Result


@dataclass(frozen=True)
class InDepth:
    """The figures and images for a report on a checkpoint.

    Attributes:
        record: JSON values: the keys of `evaluate`, and `network`, `class_names`,
            `classes` (see `by_class`), `confusion` (true by predicted class),
            `confused` (see `confused_most`), `mistakes` (see `confident_mistakes`),
            `robustness` (see the function `robustness`), `corrupted_error` (the mean
            of all its errors), `pair` (None without another checkpoint) and
            `calibration`. The last has the `temperature` fitted on `n` validation
            images (None if there are none or they do not determine it, see
            `fit_temperature`), and the results of `trust` `before` and `after`
            calibration.
        mistakes: Images of the mistakes, uint8 array (N, side, side, 3).
        spoiled: First image under each corruption, see the function `spoiled`.
    """

    record: dict[str, Any]
    mistakes: np.ndarray
    spoiled: np.ndarray


def evaluate_in_depth(
    ckpt: str | Path,
    split: SplitName = "test",
    against: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> InDepth:
    """Returns the figures and images for a report on a checkpoint.

    Args:
        ckpt: A released model's name, a checkpoint folder or a run folder.
        split: "test" or "validation".
        against: Another checkpoint for the same images, or None.
        progress: Called after each pass over corrupted images, see `robustness`.
        **options: Keyword arguments of `evaluate`.

    Raises:
        CheckpointError: If a checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available, or the split has no images.
        SettingError: If an argument is out of its range, or the checkpoints are for
            different data sets.
    """
    require_split(split)
    own = subject(ckpt, **options)
    other = None if against is None else _other(against, own, options)
    # These modules import TensorFlow.
    from resnet_tf.analysis.in_depth.details import (
        by_class,
        confident_mistakes,
        confused_most,
    )
    from resnet_tf.analysis.in_depth.robustness import robustness

    images = own.images(split)
    result, names = own.result(images), images.class_names
    counts = confusion_matrix(result.labels, result.predictions, len(names))
    calibration = _calibration(own, result)
    mistakes = confident_mistakes(result, calibration["temperature"] or 1.0)
    pair = None if other is None else _pair(result, other, split)
    errors = robustness(own.full_pass, images, own.train.test_batch_size, progress)
    record = {
        **own.described(result),
        "network": own.config.model.title,
        "class_names": list(names),
        "classes": by_class(counts, names),
        "confusion": counts.tolist(),
        "confused": confused_most(counts, names),
        "calibration": calibration,
        "mistakes": mistakes,
        "robustness": errors,
        "corrupted_error": float(np.mean([one["errors"] for one in errors])),
        "pair": pair,
    }
    worst = images.images[[one["index"] for one in mistakes]]
    return InDepth(record, worst, spoiled(images.images[0]))


def _other(against: str | Path, own: Subject, options: dict[str, Any]) -> Subject:
    stored = opened(against, "against")
    dataset = stored.config.data.dataset
    if dataset != own.data.dataset:
        raise SettingError(
            f"against must be for {own.data.dataset} like ckpt, received a "
            f"checkpoint for {dataset}"
        )
    return subject(stored, **options)


def _calibration(own: Subject, result: Result) -> dict[str, Any]:
    from resnet_tf.analysis.in_depth.details import trust

    temperature, n, after = None, 0, None
    if own.data.validation_size:
        same = result.split == "validation"
        seen = result if same else own.result(own.images("validation"))
        temperature, n = fit_temperature(seen.logits, seen.labels), seen.n
        after = None if temperature is None else trust(result, temperature)
    before = trust(result, 1.0)
    found = {"temperature": temperature, "fitted_on": "validation", "n": n}
    return {**found, "before": before, "after": after}


def _pair(result: Result, other: Subject, split: SplitName) -> dict[str, Any]:
    """Returns the paired tests of two checkpoints on the same images."""
    from resnet_tf.analysis.paired import difference_interval, mcnemar

    theirs = other.result(other.images(split))
    if not np.array_equal(result.labels, theirs.labels):
        raise DataError(
            f"the checkpoints must have the same {split} images, but they differ"
        )
    wrong = [one.predictions != one.labels for one in (result, theirs)]
    return {
        "checkpoint": str(other.folder),
        "network": other.config.model.title,
        "error": theirs.error,
        "interval": list(theirs.interval),
        "difference": result.error - theirs.error,
        "difference_interval": list(difference_interval(*(w[None] for w in wrong))),
        **mcnemar(*wrong)._asdict(),
    }
