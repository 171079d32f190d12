"""`metrics.json`: what is known of weights, with the types that readers count on."""

from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import read_json
from resnet_tf.checkpoints.schema import require_metrics

# The names of the most classes that a network can have, 250 bytes each.
MAX_BYTES = 24 << 20


def read_metrics(path: Path) -> dict[str, Any]:
    """Returns a `metrics.json`.

    Counts, errors, intervals, names and SHA-256 are of their type where they are there;
    what else is known of the weights may stand beside them.

    Raises:
        CheckpointError: If the file is missing, no strict JSON or has a value of
            another type.
    """
    metrics = read_json(path, MAX_BYTES)
    require_metrics(path, metrics)
    return metrics
