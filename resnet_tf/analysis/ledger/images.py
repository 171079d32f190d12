"""Checks that records are for the same images."""

from collections.abc import Iterable

import numpy as np

from resnet_tf.analysis.ledger.record import Answers, RunRecord
from resnet_tf.errors import CheckpointError


def require_same_images(records: Iterable[RunRecord]) -> None:
    """Raises unless all records are for the same images and agree on their labels.

    Raises:
        CheckpointError: If two records differ.
    """
    done = [record for record in records if record.answers]
    # A label is known as soon as one run predicts it.
    truth = np.full(len(done[0].answers.wrong) if done else 0, -1)
    for record in done:
        if record.answers.images_sha256 != done[0].answers.images_sha256:
            raise CheckpointError(
                f"{record.path} and {done[0].path} must be for the same images, their "
                "images_sha256 differ"
            )
        if not _agree(truth, record.answers):
            raise CheckpointError(
                f"{record.path} must have the labels of {done[0].path}, what it calls "
                "wrong contradicts them"
            )
        right = ~record.answers.wrong
        truth[right] = record.answers.predictions[right]


def _agree(truth: np.ndarray, answers: Answers) -> bool:
    """Returns whether predictions can be right and wrong as they are said to be.

    Args:
        truth: The labels, integer array (n,), -1 if unknown.
        answers: The predictions.
    """
    if len(truth) != len(answers.wrong):
        return False
    right = answers.predictions == truth
    return bool((right != answers.wrong)[truth >= 0].all())
