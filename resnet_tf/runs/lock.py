"""One run, one folder: a lock that the kernel gives back, however a process ends."""

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
    """Holds the lock of a run folder; the file means nothing by itself.

    Args:
        folder: It exists.

    Raises:
        OSError: If the file cannot be written, or the disk knows no locks.
        RunFolderError: If another process holds the lock.
    """
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A run that came to nothing takes its file along.
            if not os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK)):
                raise BlockingIOError
        except BlockingIOError as error:
            file.seek(0)
            owner = file.read(200).strip() or "another process"
            raise RunFolderError(
                f"run folder {folder} is in use by {owner}; wait for its end or give "
                "another --run_dir"
            ) from error
        # Only for the message above: the lock itself is the kernel's.
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        yield
