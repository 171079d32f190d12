"""Whether the reports and the state of a run belong together."""

from resnet_tf.errors import CheckpointError, RunFolderError
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import History, read_history


def last_report(step: int, report_freq: int, images: int) -> int:
    """Returns the step of the last report before a state was saved.

    Args:
        step: That of the state.
        report_freq: Updates between two reports.
        images: Those counted since the last report: none right after one.
    """
    return step if not images else (step - 1) // report_freq * report_freq


def open_history(folder: RunFolder, step: int, reported: int) -> History:
    """Returns the reports up to the state from which the run goes on.

    Args:
        folder: The run's.
        step: That of the state, 0 if there is none.
        reported: Step of the last report before it.

    Raises:
        CheckpointError: If there is no state, but reports that were saved with one.
        OSError: If the file cannot be written.
        RunFolderError: If a report is missing.
    """
    steps = [row.step for row in read_history(folder.history)]
    # A kill during the first report leaves one row and no state.
    if not step and len(steps) > 1:
        raise CheckpointError(
            f"{folder.states} must hold a state, as {folder.history} has reports up to "
            f"step {steps[-1]}, received none; start anew in another --run_dir"
        )
    if reported and reported not in steps:
        found = f"those up to step {steps[-1]}" if steps else "none"
        raise RunFolderError(
            f"{folder.history} must have the reports up to step {reported}, "
            f"received {found}; start anew in another --run_dir"
        )
    return History(folder.history, reported)
