"""Measures the error of a network on corrupted images."""

from collections.abc import Callable
from typing import Any

import numpy as np

from resnet_tf.analysis.in_depth.corruptions import CORRUPTIONS, Corruption
from resnet_tf.data.split import Split
from resnet_tf.evaluation.counts import wilson_interval
from resnet_tf.evaluation.full_pass import FullPass, finite


def robustness(
    full_pass: FullPass,
    images: Split,
    batch_size: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Returns the errors of a network on corrupted images, as JSON values.

    Args:
        full_pass: The evaluation pass of the network.
        images: Original images; each batch is corrupted just before it is used.
        batch_size: Number of images in a batch.
        progress: Called after each pass with the number of passes done and in total.

    Returns:
        For each of `CORRUPTIONS` its `name`, `measure`, `strengths`, `errors` (in
        percent, one per strength) and `intervals` (95 % Wilson, in percent).
    """
    total = sum(len(one.strengths) for one in CORRUPTIONS)
    found, done = [], 0
    for corruption in CORRUPTIONS:
        wrong = []
        for strength in corruption.strengths:
            wrong.append(_wrong(full_pass, images, batch_size, corruption, strength))
            done += 1
            progress(done, total)
        n = len(images)
        found.append(
            {
                "name": corruption.name,
                "measure": corruption.measure,
                "strengths": list(corruption.strengths),
                "errors": [100 * count / n for count in wrong],
                "intervals": [list(wilson_interval(count, n)) for count in wrong],
            }
        )
    return found


def _wrong(
    full_pass: FullPass,
    images: Split,
    batch_size: int,
    corruption: Corruption,
    strength: float,
) -> int:
    """Returns the number of wrongly classified images in one pass."""
    count = 0
    for start in range(0, len(images), batch_size):
        batch = images.images[start : start + batch_size]
        spoiled = corruption.apply(batch, strength, start)
        logits = finite(full_pass.logits(spoiled, batch_size), corruption.name)
        truth = images.labels[start : start + batch_size]
        count += int(np.sum(logits.argmax(axis=1) != truth))
    return count
