"""Agreement of the workers of a run on settings, folder and state."""

from resnet_tf.distribution.workers import Workers
from resnet_tf.errors import CheckpointError, RunFolderError, SettingError
from resnet_tf.runs.folder import RunFolder

_LONGEST_WAIT = 60.0  # seconds, for a folder on another machine


def require_agreement(workers: Workers, folder: RunFolder, step: int) -> None:
    """Raises unless all workers agree on settings, run folder and state.

    All workers must call this.

    Args:
        workers: The workers of the run.
        folder: The run folder of this worker, with its config; the chief has made it.
        step: Step of the state that this worker has read, 0 for none.

    Raises:
        CheckpointError: If they have read states of different steps.
        RunFolderError: If a worker does not see the folder.
        SettingError: If they were started with different settings.
    """
    # A float64 holds the first 12 hexadecimal digits of the hash exactly.
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
            f"all {workers.number} workers must resume from one state, received those "
            f"of steps {steps}; {shared}"
        )
