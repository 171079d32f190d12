"""Whether the workers of a run do the same."""

from resnet_tf.distribution.workers import Workers
from resnet_tf.errors import CheckpointError, RunFolderError, SettingError
from resnet_tf.runs.folder import RunFolder

_LONGEST_WAIT = 60.0  # seconds, for a folder on another machine


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
