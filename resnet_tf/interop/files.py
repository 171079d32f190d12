"""The files of a source, and the paths that results may go to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from resnet_tf.errors import OutputError


def require_new(output: Path) -> None:
    """Raises unless `output` does not exist yet or is an empty folder.

    Raises:
        OutputError: If something is there.
    """
    with _looking_at(output):
        taken = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    if taken:
        raise OutputError(f"output must be a new or an empty folder, received {output}")


def require_free(output: Path) -> None:
    """Raises unless nothing is at `output` and it can be made.

    Raises:
        OutputError: If not.
    """
    with _looking_at(output):
        taken = output.is_symlink() or output.exists() or not output.parent.is_dir()
    if taken:
        raise OutputError(
            f"output must be a new path in a folder that exists, received {output}"
        )


@contextlib.contextmanager
def _looking_at(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"output {output} cannot be used: {error.strerror}"
        ) from error
