"""Checks of the paths that results go to."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from resnet_tf.errors import OutputError


def require_new(output: Path) -> None:
    """Raises unless `output` is an empty folder or does not exist.

    Raises:
        OutputError: If `output` exists and is not an empty folder.
    """
    with _looking_at(output):
        taken = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    if taken:
        raise OutputError(f"output must be a new or an empty folder, received {output}")


def require_free(output: Path) -> None:
    """Raises unless `output` does not exist and its folder does.

    Raises:
        OutputError: If `output` exists or its folder does not.
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
