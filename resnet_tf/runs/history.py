"""`history.csv`: one row per report."""

import contextlib
import csv
import io
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from resnet_tf.disk import write_text


@dataclass(frozen=True)
class Row:
    """One report.

    Attributes:
        step: Number of updates done.
        epoch: Number of passes over the training images, not counting images that
            `drop_last` skips.
        seconds: Seconds since the start of the run, including resumed parts.
        images_per_second: Number of training images since the last report, divided by
            the time spent training.
        learning_rate: Learning rate of the last update.
        train_loss: Mean cross-entropy of the augmented training batches since the last
            report, with label smoothing, without weight decay.
        train_error: Error on the same batches, in percent.
        validation_loss: Mean cross-entropy of the validation images, or None.
        validation_error: Error on the validation images in percent, or None.
        weights_sha256: SHA-256 of the weights, in hexadecimal, or None.
    """

    step: int
    epoch: float
    seconds: float
    images_per_second: float
    learning_rate: float
    train_loss: float
    train_error: float
    validation_loss: float | None = None
    validation_error: float | None = None
    weights_sha256: str | None = None


COLUMNS = tuple(field.name for field in fields(Row))


class History:
    """The rows of a run, in memory and on disk.

    Args:
        path: The CSV file.
        step: Step from which the run resumes. Later rows, and an incomplete last row,
            are removed.
    """

    def __init__(self, path: Path, step: int):
        self._path = path
        self.rows = [row for row in read_history(path) if row.step <= step]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(map(asdict, self.rows))
        write_text(path, text.getvalue())

    def append(self, row: Row) -> None:
        """Appends a row, in memory and on disk."""
        self.rows.append(row)
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(asdict(row))
            file.flush()
            os.fsync(file.fileno())

    def best(self) -> Row | None:
        """Returns the best row; see `best_row`."""
        return best_row(self.rows)


def best_row(rows: list[Row]) -> Row | None:
    """Returns the first row with the smallest validation error, or None."""
    errors = [(row.validation_error, row) for row in rows]
    validated = [(error, row) for error, row in errors if error is not None]
    return min(validated, key=lambda pair: pair[0])[1] if validated else None


def read_history(path: Path) -> list[Row]:
    """Returns the complete rows of a `history.csv`; none if it is missing.

    A last line without a line end is incomplete, even if it can be parsed: its last
    number can lack digits.
    """
    rows: list[Row] = []
    try:
        lines = path.read_bytes().decode(errors="replace").splitlines(keepends=True)
    except FileNotFoundError:
        return rows
    if lines and not lines[-1].endswith("\n"):
        del lines[-1]
    # An over-long field or a NUL ends the rows, like any other damage.
    with contextlib.suppress(csv.Error):
        for cells in csv.DictReader(lines):
            row = _row(cells)
            if row is None:
                break
            rows.append(row)
    return rows


def _row(cells: dict[str, str]) -> Row | None:
    """Returns the row, or None if it is damaged; newer columns can be missing."""
    values: dict[str, Any] = {name: cells[name] for name in COLUMNS if cells.get(name)}
    try:
        for name in values.keys() - {"weights_sha256"}:
            values[name] = float(values[name])
        values["step"] = int(values["step"])
        return Row(**values)
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
