"""Errors the user can fix, each with an exit code.

The message is one line with the argument, the rule and the value received. The
scripts print it without a traceback and exit with `exit_code`. In Python, the error
for a wrong input is also a `ValueError`, and the error for a missing one is also a
`FileNotFoundError`.
"""


class ResnetTfError(Exception):
    """Base class of the errors that the scripts report in one line."""

    exit_code = 1


class SettingError(ResnetTfError, ValueError):
    """A setting is unknown, out of range or in conflict with another one."""

    exit_code = 2


class DataError(ResnetTfError, ValueError):
    """A data set is missing, incomplete or damaged."""

    exit_code = 3


class MissingDataError(DataError, FileNotFoundError):
    """A data set was not found."""


class CheckpointError(ResnetTfError, ValueError):
    """Weights or a checkpoint are missing, damaged or for another network."""

    exit_code = 4


class MissingCheckpointError(CheckpointError, FileNotFoundError):
    """Weights or a checkpoint were not found."""


class DivergedError(ResnetTfError):
    """The loss or a weight is no longer finite."""

    exit_code = 5


class OutputError(ResnetTfError):
    """An output path cannot be used: it is taken, full or not writable."""

    exit_code = 6


class RunFolderError(OutputError):
    """A run folder cannot be used: it is in use, full or not writable."""


class PeerError(ResnetTfError):
    """Another worker of the run did not start or was lost."""

    exit_code = 7


class StoppedError(ResnetTfError):
    """A run was stopped by a signal or after a given step; it can be resumed.

    Args:
        message: How to resume the run.
        step: Number of updates done and saved.
    """

    exit_code = 75

    def __init__(self, message: str, step: int):
        super().__init__(message)
        self.step = step
