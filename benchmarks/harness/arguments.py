"""Refuses command-line arguments other than flags."""

from collections.abc import Sequence

from absl import app


def require_no_arguments(argv: Sequence[str]) -> None:
    """Raises if there are arguments other than flags.

    Args:
        argv: The script and the arguments that absl did not parse.

    Raises:
        UsageError: With exit code 2, if there is an argument.
    """
    if len(argv) > 1:
        raise app.UsageError(f"no argument is expected, received {argv[1]!r}", 2)
