"""The errors that a user can fix, each with the exit code of its kind.

The message is one line that names the thing, the rule and the value received;
the scripts print it without a traceback and exit with `exit_code`. In Python, an
input that is wrong is a `ValueError` too, one that is not there a
`FileNotFoundError`.
"""


class ResnetTfError(Exception):
    """Base of the errors that the scripts report in one line."""

    exit_code = 1


class SettingError(ResnetTfError, ValueError):
    """A setting is unknown, out of its range or against another one."""

    exit_code = 2


class DataError(ResnetTfError, ValueError):
    """A data set is missing, incomplete or damaged."""

    exit_code = 3


class MissingDataError(DataError, FileNotFoundError):
    """A data set is not where it was looked for."""


class CheckpointError(ResnetTfError, ValueError):
    """Weights or a checkpoint are missing, damaged or of another network."""

    exit_code = 4


class MissingCheckpointError(CheckpointError, FileNotFoundError):
    """Weights or a checkpoint are not where they were looked for."""


class DivergedError(ResnetTfError):
    """The loss or a weight stopped being a finite number."""

    exit_code = 5


class OutputError(ResnetTfError):
    """A path for results cannot be used: taken, full or not writable."""

    exit_code = 6


class RunFolderError(OutputError):
    """A run folder cannot be used: in use, full or not writable."""


class PeerError(ResnetTfError):
    """Another worker of the run did not come, or is lost."""

    exit_code = 7


class StoppedError(ResnetTfError):
    """A run was stopped by a signal, or after a step; it can go on.

    Args:
        message: How to go on.
        step: Updates that are done and saved.
    """

    exit_code = 75

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step
