"""The folder that a command writes its results to, `--output`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from resnet_tf.errors import RunFolderError


@contextlib.contextmanager
def writing(output: Path) -> Iterator[None]:
    """For work that writes into the folder.

    Raises:
        RunFolderError: Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"output {output} cannot be written: {error.strerror}"
        ) from error
