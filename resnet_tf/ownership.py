"""Ownership checks: this package overwrites only files and folders that it made."""

import fnmatch
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from resnet_tf.config import parse_object
from resnet_tf.disk import PARTIAL, require_folder
from resnet_tf.errors import OutputError, ResnetTfError
from resnet_tf.streams import visible

_MOST_BYTES = 1 << 24  # of a record
_MOST_NAMES = 3  # in a message
# The keys that `provenance` adds to each record.
_PROVENANCE = {"versions", "commit", "machine"}


def require_own(
    folder: Path,
    name: str,
    marked: Callable[[Path], bool],
    beginnings: Iterable[str] = (),
    error: type[ResnetTfError] = OutputError,
) -> None:
    """Raises unless a folder is missing, empty or made by this package.

    Args:
        folder: The folder to check.
        name: Name of the folder in the error message.
        marked: Returns whether the folder has a marker of this package.
        beginnings: Patterns of file names that need no marker: a process that was
            killed early leaves only these.
        error: Class of the error to raise.

    Raises:
        ResnetTfError: An `error` that names the files in the folder, if another
            program made them.
    """
    # Unlike `Path.exists`, this is also false for a name that is not a valid path.
    if not os.path.exists(folder):
        return
    try:
        found = sorted(os.listdir(folder))
    except NotADirectoryError:
        raise error(f"{name} must be a folder, received {folder}") from None
    except OSError as failed:
        raise error(f"{name} {folder} cannot be used: {failed.strerror}") from failed
    foreign = unmatched(found, beginnings)
    if foreign and not marked(folder):
        raise error(
            f"{name} must be new, empty or made by resnet_tf, received {folder}, "
            f"which holds {listed(foreign)}"
        )


def require_report_folder(
    folder: Path, name: str, record: str, beginnings: Sequence[str] = ()
) -> None:
    """Raises unless a report can be written to a folder.

    Args:
        folder: The folder of the report.
        name: Name of the folder in the error message.
        record: Name of the JSON file that is written first and marks the folder.
        beginnings: See `require_own`.

    Raises:
        OutputError: If the path cannot be a folder, the folder is read-only, or it
            holds other files and no such record.
    """
    require_folder(folder, name)
    patterns = (f"{PARTIAL}*{record}", *beginnings)
    require_own(folder, name, lambda path: holds_record(path / record), patterns)


def require_own_file(file: Path, name: str, is_ours: Callable[[Path], bool]) -> None:
    """Raises unless a file is missing, empty or made by this package.

    A device or a pipe passes the check: it is written to, not replaced.

    Args:
        file: The file to check.
        name: Name of the file in the error message.
        is_ours: Returns whether this package made the file.

    Raises:
        OutputError: If another program made the file.
    """
    if not os.path.isfile(file) or os.path.getsize(file) == 0 or is_ours(file):
        return
    raise OutputError(
        f"{name} must be a new file or one that resnet_tf made, received {file}"
    )


def holds_record(file: Path, *others: Iterable[str]) -> bool:
    """Returns whether a file holds a JSON record that this package wrote.

    Args:
        file: The file; it can be missing.
        *others: Sets of keys. A record without provenance counts if it has all keys
            of one set.
    """
    try:
        if not os.path.isfile(file) or os.path.getsize(file) > _MOST_BYTES:
            return False
        keys = parse_object(Path(file).read_bytes(), _MOST_BYTES).keys()
    except (OSError, ValueError):
        return False
    return any(keys >= set(wanted) for wanted in (_PROVENANCE, *others))


def unmatched(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Returns the names that match none of the patterns."""
    patterns = tuple(patterns)
    return [
        name
        for name in names
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]


def listed(names: Sequence[str]) -> str:
    """Returns the first few names as text, and the number of the others."""
    shown = ", ".join(visible(name) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
