"""`metrics.json`: what is known of weights, with the types that readers count on."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import read_json
from resnet_tf.errors import CheckpointError

# The names of the most classes that a network can have, 250 bytes each.
MAX_BYTES = 24 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_percent(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= 100


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_percent, value))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


# What a key must hold if it is there; None is unknown, but not of a SHA-256.
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **{
        key: (_is_count, "a whole number")
        for key in ("step", "n_validation", "n_test", "parameters")
    },
    **{
        f"{split}_error": (_is_percent, "from 0 to 100")
        for split in ("validation", "test")
    },
    **{
        f"{split}_interval": (_is_interval, "two numbers from 0 to 100")
        for split in ("validation", "test")
    },
    "class_names": (_is_names, "a list of texts"),
}
_DIGESTS = ("weights_sha256", "config_sha256")


def read_metrics(path: Path) -> dict[str, Any]:
    """Returns a `metrics.json`.

    Counts, errors, intervals, names and SHA-256 are of their type where they are there;
    what else is known of the weights may stand beside them.

    Raises:
        CheckpointError: If the file is missing, no strict JSON or has a value of
            another type.
    """
    metrics = read_json(path, MAX_BYTES)
    for key, (right, rule) in _RULES.items():
        value = metrics.get(key)
        if value is not None and not right(value):
            raise CheckpointError(
                f"{path}: {key} must be {rule}, received {value!r:.80}"
            )
    for key in _DIGESTS:
        if key in metrics and not _is_sha256(metrics[key]):
            raise CheckpointError(
                f"{path}: {key} must be 64 hexadecimal digits, received "
                f"{metrics[key]!r:.80}"
            )
    return metrics
