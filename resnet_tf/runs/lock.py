"""A lock on a run folder, which the kernel releases however the process ends."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from resnet_tf.errors import RunFolderError

LOCK = "run.lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Context that holds the lock of a run folder.

    The mere existence of the lock file has no meaning.

    Args:
        folder: The run folder, which must exist.

    Raises:
        OSError: If the file cannot be written, or the file system does not support
            locks.
        RunFolderError: If another process holds the lock.
    """
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that ends without results deletes its lock file.
            if not os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
                raise BlockingIOError
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read(200).strip() or "another process"
            raise RunFolderError(
                f"run folder {folder} is in use by {owner}; wait for its end or give "
                "another --run_dir"
            ) from error
        # The text is only for the message above; the kernel holds the lock.
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield
