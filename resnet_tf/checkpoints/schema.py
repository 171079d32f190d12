"""Rules for the fields of JSON records, checked when a record is read.

`config.json` has its own rules; see `ExperimentConfig.from_dict`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from resnet_tf.errors import CheckpointError

_LARGEST = 1e15  # above every time, rate and loss; tables can still show it
_SHA256 = re.compile("[0-9a-f]{64}")


class Rule(NamedTuple):
    """The rule for a field.

    Attributes:
        holds: Function that returns whether a value is valid.
        words: The rule in words, to follow "must be".
    """

    holds: Callable[[Any], bool]
    words: str


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_between(value: Any, low: float, high: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and low <= value <= high


def _is_percent(value: Any) -> bool:
    return _is_between(value, 0, 100)


def _is_interval(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_percent, value))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and bool(_SHA256.fullmatch(value))


COUNT = Rule(_is_count, "a whole number")
POSITIVE = Rule(lambda value: _is_count(value) and value > 0, "a whole number above 0")
NUMBER = Rule(
    lambda value: _is_between(value, 0, _LARGEST), f"a number from 0 to {_LARGEST:g}"
)
PERCENT = Rule(_is_percent, "from 0 to 100")
INTERVAL = Rule(_is_interval, "two numbers from 0 to 100")
NAMES = Rule(_is_names, "a list of texts")
SHA256 = Rule(_is_sha256, "64 hexadecimal digits")
TEXT = Rule(
    lambda value: isinstance(value, str) and value.isprintable(), "a printable text"
)
OBJECT = Rule(lambda value: isinstance(value, dict), "an object")
LIST = Rule(lambda value: isinstance(value, list), "a list")

_SPLITS = ("validation", "test")
_DIGESTS = ("weights_sha256", "config_sha256")
_METRICS = {
    **dict.fromkeys(("step", "n_validation", "n_test", "parameters"), COUNT),
    **{f"{split}_error": PERCENT for split in _SPLITS},
    **{f"{split}_interval": INTERVAL for split in _SPLITS},
    "class_names": NAMES,
}
_SUMMARY = {"step": POSITIVE, "seconds": NUMBER, "images_per_second": NUMBER}
_SUMMARY_OPTIONAL = {
    **{f"{best}{split}_error": PERCENT for split in _SPLITS for best in ("", "best_")},
    **{f"{best}n_{split}": POSITIVE for split in _SPLITS for best in ("", "best_")},
    **dict.fromkeys(("best_step", "peak_memory", "num_replicas", "seed"), COUNT),
    "kernels": TEXT,
}
_WORKER = {"worker": COUNT, "num_workers": POSITIVE, "weights_sha256": SHA256}
_REPORT = {
    "step": POSITIVE,
    **dict.fromkeys(
        ("epoch", "seconds", "images_per_second", "learning_rate", "train_loss"), NUMBER
    ),
    "train_error": PERCENT,
}
_REPORT_OPTIONAL = {
    "validation_loss": NUMBER,
    "validation_error": PERCENT,
    "weights_sha256": SHA256,
}
_EXPORT = {
    "format": TEXT,
    "metadata": OBJECT,
    "images": TEXT,
    "n": POSITIVE,
    "bytes": COUNT,
    "latency_ms": NUMBER,
    "runtime": TEXT,
    "machine": OBJECT,
}
_RUN_RECORD = {
    "name": TEXT,
    "seed": COUNT,
    "config": OBJECT,
    "fingerprint": SHA256,
    "multiply_adds": POSITIVE,
    "history": LIST,
    "seconds": NUMBER,
    "kernels": TEXT,
    "mixed_precision": TEXT,
    "versions": OBJECT,
    "machine": OBJECT,
}
_FINISHED_RECORD = {
    "split": TEXT,
    "n": POSITIVE,
    "images_sha256": SHA256,
    "predictions": TEXT,
    "wrong": TEXT,
    "validation_error": PERCENT,
    "validation_loss": NUMBER,
    "images_per_second": NUMBER,
}


def require_metrics(where: Any, record: Mapping[str, Any]) -> None:
    """Raises unless the values of a `metrics.json` are valid; all can be missing.

    Args:
        where: Name of the file in an error.
        record: Content of the file.

    Raises:
        CheckpointError: If a value breaks its rule. None means unknown, but is not
            allowed for a SHA-256.
    """
    _require(where, record, optional=_METRICS)
    _require(where, record, {key: SHA256 for key in _DIGESTS if key in record})


def require_summary(where: Any, record: Mapping[str, Any]) -> None:
    """Raises unless a `summary.json` has the fields that its readers need.

    Args, Raises: See `require_metrics`.
    """
    _require(where, record, _SUMMARY, _SUMMARY_OPTIONAL)
    with_n = [s for s in _SPLITS if record.get(f"{s}_error", None) is not None]
    _require(where, record, {f"n_{split}": POSITIVE for split in with_n})
    named = (f"{split}_error" for split in _SPLITS)
    _require(where, record, {key: PERCENT for key in named if key in record})
    if "worker" in record:
        _require(where, record, _WORKER)


def require_report(where: Any, record: Mapping[str, Any]) -> None:
    """Raises unless the numbers of a report of `history.csv` are valid.

    Args, Raises: See `require_metrics`.
    """
    _require(where, record, _REPORT, _REPORT_OPTIONAL)


def require_export(where: Any, record: Mapping[str, Any]) -> None:
    """Raises unless a record has the form that `export --json_output` writes.

    Args, Raises: See `require_metrics`.
    """
    _require(where, record, _EXPORT, {"error": PERCENT})
    about, machine = record["metadata"], record["machine"]
    _require(f"{where}: metadata", about, {"checkpoint": TEXT, "parameters": COUNT})
    _require(f"{where}: machine", machine, {"cpu": TEXT, "cores": POSITIVE})


def require_run_record(where: Any, record: Mapping[str, Any]) -> None:
    """Raises unless a record has the form of a run without weights, as a ledger keeps.

    The rows of its history are checked by `require_report`.

    Args, Raises: See `require_metrics`.
    """
    _require(where, record, _RUN_RECORD, {"diverged": TEXT, "commit": TEXT})
    if record.get("diverged") is None:
        _require(where, record, _FINISHED_RECORD)
    _require(f"{where}: machine", record["machine"], {"cpu": TEXT, "cores": POSITIVE})


def _require(
    where: Any,
    record: Mapping[str, Any],
    required: Mapping[str, Rule] = {},
    optional: Mapping[str, Rule] = {},
) -> None:
    for key, rule in required.items():
        if key not in record:
            raise CheckpointError(f"{where}: {key} must be {rule.words}, is missing")
    given = {key: rule for key, rule in optional.items() if record.get(key) is not None}
    for key, rule in (required | given).items():
        if not rule.holds(record[key]):
            raise CheckpointError(
                f"{where}: {key} must be {rule.words}, received {record[key]!r:.80}"
            )
