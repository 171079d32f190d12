"""Files that are whole or not there, also after a kill or a loss of power."""

import contextlib
import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from resnet_tf.errors import OutputError

# What a file is called while it is written; a kill may leave one behind.
PARTIAL = "partial."


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Gives a new file beside each path; they take its place when all are written.

    The new files have names that no file has yet. They are flushed to disk before the
    first is renamed, and the folders after the last. If anything fails, the new files
    are removed and the old ones stay.

    Args:
        *paths: In folders that exist.

    Yields:
        The paths to write to, in the same order.

    Raises:
        OSError: If a file cannot be flushed or renamed.
    """
    partial = [_beside(path) for path in paths]
    try:
        yield partial
        for new in partial:
            flush(new)
        for new, path in zip(partial, paths, strict=True):
            os.replace(new, path)
    except BaseException:
        for new in partial:
            with contextlib.suppress(OSError):
                new.unlink()
        raise
    for folder in {path.parent for path in paths}:
        flush(folder)


def _beside(path: Path) -> Path:
    """Returns a name beside a path that no file has."""
    numbers = (f"{number}." for number in itertools.count(1))
    for number in itertools.chain([""], numbers):
        name = path.with_name(f"{PARTIAL}{number}{path.name}")
        if not os.path.lexists(name):
            return name


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8; it replaces its predecessor in one step.

    Raises:
        OSError: If it cannot be written.
    """
    with replacing(path) as (new,):
        new.write_text(text, encoding="utf-8", newline="")


def user_path(text: str | Path) -> Path:
    """Returns a path that a user has given, "~" as the home folder: shells leave it
    as it is in `--flag=~/folder`."""
    # Unlike `Path.expanduser`, no error where there is no such home folder.
    return Path(os.path.expanduser(text))


@contextlib.contextmanager
def writing(output: str | Path, name: str = "output") -> Iterator[None]:
    """For work that writes to a path that the user has given.

    Args:
        output: The path.
        name: What the user calls it.

    Raises:
        OutputError: Instead of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise OutputError(f"{name} {output} cannot be written: {reason}") from error


def require_folder(output: str | Path, name: str = "output") -> None:
    """Raises unless a path that the user has given is a folder, or can become one.

    Args:
        output: The path.
        name: What the user calls it.

    Raises:
        OutputError: If a file is there or on the way, or the folder is read-only.
    """
    path = Path(output)
    with writing(output, name):
        there = next(one for one in (path, *path.parents) if one.exists())
    if not there.is_dir():
        raise OutputError(f"{name} must be a folder, received {output}")
    if not os.access(there, os.W_OK):
        raise OutputError(f"{name} {output} cannot be written: {there} is read-only")


def flush(path: Path) -> None:
    """Returns when a file, or the names in a folder, are on the disk.

    Raises:
        OSError: If they do not get there.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a regular file for reading; a read of anything else could wait forever.

    Raises:
        OSError: If the file cannot be opened, or is a pipe, a socket or a device.
    """
    if _is_regular(os.stat(path)):
        # Another file may have taken the name: this open never waits.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if _is_regular(os.fstat(descriptor)):
            return open(descriptor, "rb")
        os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def _is_regular(status: os.stat_result) -> bool:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_ISREG(status.st_mode)
