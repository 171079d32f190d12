"""How a run resumes after a stop or a kill.

A report saves its row of the history, the weights, the state and the best weights, in
this order. A kill can come between any two of them. The next start repairs what it
left, in this order:

1. `RunFolder.held` takes the lock, removes half-written files (`half_written`) and
   compares the settings.
2. `RunData.require_same` compares the images.
3. `RunState.restore` removes half-written states and reads the newest whole state.
4. `position` reads from its notes where the run stood.
5. `open_history` removes the reports that came after that state.
6. If the best weights were not saved (`lacks_best`), the loop saves them again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import METRICS, read_metrics
from resnet_tf.disk import PARTIAL
from resnet_tf.errors import CheckpointError, RunFolderError
from resnet_tf.runs.history import History, read_history


@dataclass(frozen=True)
class Position:
    """Where a run stands when it resumes.

    Attributes:
        step: Updates done; 0 at the start of a run.
        reported: Step of the last report before that.
        seconds: Time since the start of the run, or None if the state does not say.
        training_seconds: Time spent training since the last report.
        sums: Each replica's sums over the images since the last report, by name; None
            if the state does not say.
    """

    step: int
    reported: int
    seconds: float | None = None
    training_seconds: float = 0.0
    sums: dict[str, list[float]] | None = None


def half_written(folder: Path, names: Iterable[str]) -> list[Path]:
    """Returns the files that a kill has left half written in a folder; see `replacing`.

    Args:
        folder: The folder.
        names: Names of the whole files.
    """
    whole = "|".join(map(re.escape, names))
    partial = re.compile(rf"{re.escape(PARTIAL)}(\d+\.)?({whole})")
    return [
        path
        for path in folder.glob(f"{PARTIAL}*")
        if partial.fullmatch(path.name) and not path.is_dir()
    ]


def position(
    step: int, notes: dict[str, Any], report_freq: int, images: int
) -> Position:
    """Returns where a run stands after its state was restored.

    Args:
        step: Step of the state, 0 without one.
        notes: Notes of the state; states of earlier versions have none.
        report_freq: Updates between two reports.
        images: Images counted since the last report; 0 right after a report.
    """
    return Position(
        step=step,
        reported=step if not images else (step - 1) // report_freq * report_freq,
        seconds=notes.get("seconds"),
        training_seconds=notes.get("training_seconds", 0.0),
        sums=notes.get("metrics"),
    )


def open_history(file: Path, states: Path, found: Position) -> History:
    """Returns the reports of a run up to its position, and removes later ones.

    Args:
        file: The history of the run.
        states: The folder of its states.
        found: The position from which the run resumes.

    Raises:
        CheckpointError: If the run has no state, but reports that were saved with one.
        OSError: If the file cannot be written.
        RunFolderError: If a report is missing.
    """
    steps = [row.step for row in read_history(file)]
    # A kill during the first report leaves one row and no state.
    if not found.step and len(steps) > 1:
        raise CheckpointError(
            f"{states} must hold a state, as {file} has reports up to step "
            f"{steps[-1]}, received none; start again in another --run_dir"
        )
    if found.reported and found.reported not in steps:
        rows = f"those up to step {steps[-1]}" if steps else "none"
        raise RunFolderError(
            f"{file} must have the reports up to step {found.reported}, "
            f"received {rows}; start again in another --run_dir"
        )
    return History(file, found.reported)


def lacks_best(best: Path, history: History, step: int) -> bool:
    """Tells whether the current weights are the best and are not saved as such.

    Args:
        best: The folder of the best weights.
        history: The reports.
        step: Step of the current weights.
    """
    row = history.best()
    if row is None or row.step != step:
        return False
    metrics = best / METRICS
    return not metrics.exists() or read_metrics(metrics).get("step") != step
