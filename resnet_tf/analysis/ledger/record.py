"""The record of a run: its settings, history and predictions, without its weights.

The true labels are not in a record. It names the images by their SHA-256 and says which
predictions are wrong, so that its figures can be computed without the images.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.checkpoints.files import read_json, write_json
from resnet_tf.checkpoints.schema import require_report, require_run_record
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.config.arithmetic import run_macs
from resnet_tf.disk import writing
from resnet_tf.errors import CheckpointError
from resnet_tf.reporting.provenance import provenance
from resnet_tf.runs.history import Row

_MAX_BYTES = 16 << 20  # of a record of millions of images
_NUMBERS = re.compile("([0-9]{1,9}( [0-9]{1,9})*)?")
_COLUMNS = {field.name for field in fields(Row)}


@dataclass(frozen=True)
class Answers:
    """The predictions of a finished run for the validation images.

    Attributes:
        images_sha256: SHA-256 of the labels and pixels of the images.
        predictions: Predicted classes, integer array (n,).
        wrong: bool array (n,), True for each wrong prediction.
        loss: Mean cross-entropy in nats.
    """

    images_sha256: str
    predictions: np.ndarray
    wrong: np.ndarray
    loss: float

    @property
    def error(self) -> float:
        """Share of wrong predictions, in percent."""
        return 100 * float(self.wrong.mean())


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        path: The file.
        name: Name of the entry of the ledger.
        config: The experiment.
        history: The reports of the run.
        answers: The predictions; None if the run diverged.
        values: Content of the file, with the fields that `require_run_record` names.
    """

    path: Path
    name: str
    config: ExperimentConfig
    history: Sequence[Row]
    answers: Answers | None
    values: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.config.train.seed


def record_path(folder: Path, name: str, seed: int) -> Path:
    """Returns the file of a record."""
    return folder / f"{name}-seed{seed}.json"


def record_values(
    name: str,
    config: ExperimentConfig,
    history: Sequence[Row],
    kernels: str,
    answers: Answers | None,
    diverged: str | None = None,
) -> dict[str, Any]:
    """Returns the content of a record, as JSON values.

    Args:
        name: Name of the entry of the ledger.
        config: The experiment as it was planned.
        history: The reports of the run.
        kernels: The kernels that computed it.
        answers: Its predictions; None if it diverged.
        diverged: How it diverged; None if it finished.
    """
    finished = {} if answers is None else _finished(answers, history)
    return {
        "name": name,
        "seed": config.train.seed,
        "config": config.to_dict(),
        "fingerprint": config.fingerprint(),
        "multiply_adds": run_macs(config),
        "diverged": diverged,
        **finished,
        "seconds": history[-1].seconds if history else 0.0,
        "kernels": kernels,
        "mixed_precision": config.train.mixed_precision,
        "history": [asdict(row) for row in history],
        **provenance(),
    }


def write_record(path: Path, values: Mapping[str, Any]) -> None:
    """Writes a record unless the same experiment has one.

    Raises:
        CheckpointError: If the file is there and holds anything else.
        OutputError: If it cannot be written.
    """
    if path.exists():
        config = ExperimentConfig.from_dict(values["config"])
        require_same(read_record(path), config)
        return
    with writing(path, "record"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, dict(values))


def require_same(record: RunRecord, config: ExperimentConfig) -> None:
    """Raises unless a record is of an experiment.

    Raises:
        CheckpointError: If it is of another experiment.
    """
    if differing := differences(record.config, config):
        listed = ", ".join(
            f"{name} ({there!s:.80} there, {here!s:.80} here)"
            for name, (there, here) in differing.items()
        )
        raise CheckpointError(
            f"record {record.path} belongs to another experiment: {listed}; give "
            "another --records"
        )


def read_record(path: Path) -> RunRecord:
    """Returns the record in a file.

    Raises:
        CheckpointError: If the file is missing, is no record, or a value breaks a rule.
    """
    values = read_json(path, _MAX_BYTES)
    require_run_record(path, values)
    try:
        config = ExperimentConfig.from_dict(values["config"])
    except ValueError as error:
        raise CheckpointError(f"{path}: config: {error}") from error
    for key, stated, found in (
        ("seed", values["seed"], config.train.seed),
        ("multiply_adds", values["multiply_adds"], run_macs(config)),
    ):
        if stated != found:
            raise CheckpointError(
                f"{path}: {key} must be {found}, as its config says, received {stated}"
            )
    diverged = values.get("diverged") is not None
    history = _history(path, values["history"], config, diverged)
    answers = None if diverged else _answers(path, values, config)
    return RunRecord(path, values["name"], config, history, answers, values)


def _finished(answers: Answers, history: Sequence[Row]) -> dict[str, Any]:
    return {
        "split": "validation",
        "n": len(answers.wrong),
        "images_sha256": answers.images_sha256,
        "validation_error": answers.error,
        "validation_loss": answers.loss,
        "images_per_second": float(np.median([x.images_per_second for x in history])),
        "predictions": " ".join(map(str, answers.predictions)),
        "wrong": " ".join(map(str, np.flatnonzero(answers.wrong))),
    }


def _history(
    path: Path, rows: Sequence[Any], config: ExperimentConfig, diverged: bool
) -> list[Row]:
    """Returns the checked reports of a record, which end with the run."""
    found = []
    for number, row in enumerate(rows, 1):
        where = f"{path}: report {number} of history"
        if not isinstance(row, dict) or not row.keys() <= _COLUMNS:
            raise CheckpointError(f"{where} must be a report, received {row!r:.80}")
        require_report(where, row)
        found.append(Row(**row))
    last = found[-1].step if found else 0
    if not diverged and last != config.train.train_steps:
        raise CheckpointError(
            f"{path}: history must end at step {config.train.train_steps}, received "
            f"{last}"
        )
    return found


def _answers(
    path: Path, values: Mapping[str, Any], config: ExperimentConfig
) -> Answers:
    n, classes = values["n"], config.model.num_classes
    if n != config.data.validation_size:
        raise CheckpointError(
            f"{path}: n must be validation_size={config.data.validation_size}, "
            f"received {n}"
        )
    predictions = _numbers(path, values, "predictions")
    if len(predictions) != n or predictions.max() >= classes:
        raise CheckpointError(
            f"{path}: predictions must be {n} numbers below {classes}, received "
            f"{len(predictions)} up to {predictions.max(initial=0)}"
        )
    places = _numbers(path, values, "wrong")
    if (np.diff(places, prepend=-1) <= 0).any() or places.max(initial=0) >= n:
        raise CheckpointError(
            f"{path}: wrong must be rising numbers below {n}, received "
            f"{values['wrong']!r:.80}"
        )
    wrong = np.zeros(n, bool)
    wrong[places] = True
    loss = float(values["validation_loss"])
    answers = Answers(values["images_sha256"], predictions, wrong, loss)
    if abs(answers.error - values["validation_error"]) > 1e-6:
        raise CheckpointError(
            f"{path}: validation_error must be {answers.error:.6g}, the share of "
            f"wrong, received {values['validation_error']:.6g}"
        )
    return answers


def _numbers(path: Path, values: Mapping[str, Any], key: str) -> np.ndarray:
    """Returns the numbers in a text such as "3 8 1"."""
    if not _NUMBERS.fullmatch(values[key]):
        raise CheckpointError(
            f"{path}: {key} must be whole numbers separated by spaces, received "
            f"{values[key]!r:.80}"
        )
    return np.array(values[key].split(), np.int64)
