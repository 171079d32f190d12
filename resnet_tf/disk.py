"""Atomic writes: after a kill or a power loss, a file is complete or missing."""

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

# Prefix of a file while it is written; a killed process can leave one behind.
PARTIAL = "partial."


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Yields temporary paths that replace the given paths when all are written.

    Each temporary file is in the folder of its path, under an unused name. All files
    are flushed to disk before the first one is renamed, and the folders after the
    last. If anything fails, the temporary files are removed and the old files stay.

    Args:
        *paths: Files to replace, in existing folders.

    Yields:
        The temporary paths, in the same order.

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
    """Returns an unused temporary path in the same folder."""
    numbers = (f"{number}." for number in itertools.count(1))
    for number in itertools.chain([""], numbers):
        name = path.with_name(f"{PARTIAL}{number}{path.name}")
        if not os.path.lexists(name):
            return name


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 text file and replaces the old one atomically.

    Raises:
        OSError: If the file cannot be written.
    """
    with replacing(path) as (new,):
        new.write_text(text, encoding="utf-8", newline="")


def user_path(text: str | Path) -> Path:
    """Returns a path from the user with "~" expanded.

    Shells do not expand the "~" in `--flag=~/folder`.
    """
    # Unlike `Path.expanduser`, this does not fail if the home folder is unknown.
    return Path(os.path.expanduser(text))


@contextlib.contextmanager
def writing(output: str | Path, name: str = "output") -> Iterator[None]:
    """Turns an `OSError` inside the `with` block into an `OutputError`.

    Args:
        output: The path from the user that the block writes to.
        name: Name of the path in the error message.

    Raises:
        OutputError: If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise OutputError(f"{name} {output} cannot be written: {reason}") from error


def require_folder(output: str | Path, name: str = "output") -> None:
    """Raises unless a path from the user is, or can become, a folder.

    Args:
        output: The path.
        name: Name of the path in the error message.

    Raises:
        OutputError: If the path or one of its parents is a file, or the folder is
            read-only.
    """
    path = Path(output)
    with writing(output, name):
        there = next(one for one in (path, *path.parents) if one.exists())
    if not there.is_dir():
        raise OutputError(f"{name} must be a folder, received {output}")
    if not os.access(there, os.W_OK):
        raise OutputError(f"{name} {output} cannot be written: {there} is read-only")


def flush(path: Path) -> None:
    """Flushes a file, or the names in a folder, to disk.

    Raises:
        OSError: If the flush fails.
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
    """Opens a regular file for reading; reading any other file could block forever.

    Raises:
        OSError: If the file cannot be opened, or is a pipe, a socket or a device.
    """
    if _is_regular(os.stat(path)):
        # Another file can have taken the name; this open never blocks.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if _is_regular(os.fstat(descriptor)):
            return open(descriptor, "rb")
        os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def _is_regular(status: os.stat_result) -> bool:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return stat.S_ISREG(status.st_mode)
