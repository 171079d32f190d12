"""`history.csv`: one row a report."""

import csv
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One report.

    Attributes:
        step: Updates done.
        epoch: Passes over the training images.
        seconds: Since the start of the run, resumed parts included.
        images_per_second: Training images since the last report over the time
            spent training them.
        learning_rate: Of the last update.
        train_loss: Mean cross-entropy of the training batches since the last
            report, as they were augmented; label smoothing included, weight decay
            not.
        train_error: Error of the same in percent.
        validation_loss: Mean cross-entropy of the validation images, or None.
        validation_error: Error of the same in percent, or None.
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


COLUMNS = tuple(field.name for field in fields(Row))


class History:
    """The rows of a run, in memory and on disk.

    Args:
        path: The CSV file.
        step: The step from which the run goes on: later rows, and a last row
            that was cut off, are removed.
    """

    def __init__(self, path: Path, step: int):
        self._path = path
        self.rows = [row for row in read_history(path) if row.step <= step]
        partial = path.with_name(f"partial.{path.name}")
        with open(partial, "w", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writeheader()
            for row in self.rows:
                csv.DictWriter(file, COLUMNS).writerow(asdict(row))
        os.replace(partial, path)

    def append(self, row: Row) -> None:
        """Adds a row and writes it."""
        self.rows.append(row)
        with open(self._path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, COLUMNS).writerow(asdict(row))
            file.flush()
            os.fsync(file.fileno())

    def best(self) -> Row | None:
        """Returns the first row with the smallest validation error, if any."""
        validated = [row for row in self.rows if row.validation_error is not None]
        return min(validated, key=lambda row: row.validation_error, default=None)


def read_history(path: Path) -> list[Row]:
    """Returns the complete rows of a `history.csv`; none if it is missing."""
    rows = []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for cells in csv.DictReader(file):
                row = _row(cells)
                if row is None:
                    break
                rows.append(row)
    except FileNotFoundError:
        pass
    return rows


def _row(cells: dict[str, str]) -> Row | None:
    try:
        values = {name: float(cells[name]) for name in COLUMNS if cells[name] != ""}
        values["step"] = int(values["step"])
        return Row(**values)
    except (KeyError, TypeError, ValueError):
        return None
