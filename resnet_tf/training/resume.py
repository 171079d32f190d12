"""Whether reports, checkpoints and workers of a run belong together."""

from resnet_tf.errors import CheckpointError, RunFolderError, SettingError
from resnet_tf.reporting.history import History, read_history
from resnet_tf.training.run_folder import RunFolder
from resnet_tf.training.workers import Workers

_LONGEST_WAIT = 60.0  # seconds, for a folder on another machine


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


def require_agreement(workers: Workers, folder: RunFolder, step: int) -> None:
    """Raises unless all workers do the same in one folder; all of them call it.

    Args:
        workers: Those of the run.
        folder: As this one was told, with the config; the chief has made it.
        step: That of the state which this one has read, 0 for none.

    Raises:
        CheckpointError: If they have not read the state of one step.
        RunFolderError: If one does not see the folder.
        SettingError: If they were started with different settings.
    """
    # Digits of the hash that a float64 holds.
    settings = int(folder.config.fingerprint()[:12], 16)
    facts = workers.gather([settings, step, folder.appears(_LONGEST_WAIT)])
    settings, steps, seen = facts.T.tolist()
    shared = "--run_dir must be a folder that all of them share"
    if len(set(settings)) > 1:
        raise SettingError(
            f"all {workers.number} workers must have the same settings, received "
            f"{len(set(settings))} different ones"
        )
    if not all(seen):
        raise RunFolderError(
            f"worker {seen.index(0)} of {workers.number} does not see {folder.path}; "
            f"{shared}"
        )
    if len(set(steps)) > 1:
        raise CheckpointError(
            f"all {workers.number} workers must go on from one state, received those "
            f"of steps {steps}; {shared}"
        )
