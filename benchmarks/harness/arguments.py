"""What stands on the command line beside the flags: nothing."""

from collections.abc import Sequence

from absl import app


def require_no_arguments(argv: Sequence[str]) -> None:
    """Raises unless there are no arguments.

    Args:
        argv: The script and what absl left.

    Raises:
        UsageError: With exit code 2, if there is one.
    """
    if len(argv) > 1:
        raise app.UsageError(f"no argument is expected, received {argv[1]!r}", 2)
