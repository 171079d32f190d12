"""Whose a file or folder is: this package writes only what is new or its own."""

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
# What `provenance` adds to each record.
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
        folder: The folder.
        name: What the user calls it.
        marked: Tells whether the folder carries a marker of this package.
        beginnings: Patterns of names that need no marker: a process that is killed
            early leaves no more.
        error: What is raised.

    Raises:
        ResnetTfError: `error`, which names what lies in the folder.
    """
    # Unlike `Path.exists`, false also for a name that no disk takes.
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
        name: What the user calls it.
        record: The JSON file that is written first; it marks the folder.
        beginnings: See `require_own`.

    Raises:
        OutputError: If the path cannot be a folder, the folder is read-only, or it
            holds files and no such record.
    """
    require_folder(folder, name)
    patterns = (f"{PARTIAL}*{record}", *beginnings)
    require_own(folder, name, lambda path: holds_record(path / record), patterns)


def require_own_file(file: Path, name: str, is_ours: Callable[[Path], bool]) -> None:
    """Raises unless a file is missing, empty or made by this package.

    A device or a pipe is written to, not replaced: it is no error.

    Args:
        file: The file.
        name: What the user calls it.
        is_ours: Tells whether this package made the file.

    Raises:
        OutputError: If another program made the file.
    """
    if not os.path.isfile(file) or os.path.getsize(file) == 0 or is_ours(file):
        return
    raise OutputError(
        f"{name} must be a new file or one that resnet_tf made, received {file}"
    )


def holds_record(file: Path, *others: Iterable[str]) -> bool:
    """Tells whether a file holds a JSON record that this package wrote.

    Args:
        file: It need not exist.
        *others: Sets of keys; a record without provenance has all keys of one.
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
    """Returns the first of several names, and how many more there are."""
    shown = ", ".join(visible(name) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
