"""Defines an entry of the catalog, and functions that damage files."""

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Harm = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A wrong input and its one-line error.

    Attributes:
        name: Description of the fault.
        command: "train ...", "eval ..." or a command of `python -m resnet_tf`.
        code: The exit code.
        text: Part of the line with the argument, the rule and the value.
        given: Names of fixtures whose folders are copied to the working folder.
        harm: Functions that damage the copies.
        environment: Environment variables to set.
    """

    name: str
    command: str
    code: int
    text: str
    given: tuple[str, ...] = ()
    harm: tuple[Harm, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def put(name: str, content: bytes | str = "") -> Harm:
    """Writes a file, and creates its folder if needed."""

    def harm(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return harm


def cut(name: str) -> Harm:
    """Cuts off the second half of a file."""

    def harm(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return harm


def flip(name: str) -> Harm:
    """Flips a bit in the middle of a file."""

    def harm(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return harm


def remove(name: str) -> Harm:
    """Removes a file."""
    return lambda folder: (folder / name).unlink()


def rename(name: str, new: str) -> Harm:
    """Gives a file or folder another name."""
    return lambda folder: (folder / name).rename(folder / new)


def hold(name: str) -> Harm:
    """Locks a file until this process ends, as another process would."""

    def harm(folder: Path) -> None:
        put(name)(folder)
        fcntl.flock(os.open(folder / name, os.O_RDWR), fcntl.LOCK_EX)

    return harm


def swap(name: str, other: str) -> Harm:
    """Swaps the contents of two files."""

    def harm(folder: Path) -> None:
        one, two = (folder / name).read_bytes(), (folder / other).read_bytes()
        (folder / name).write_bytes(two)
        (folder / other).write_bytes(one)

    return harm


def edit(name: str, section: str | None, **values: Any) -> Harm:
    """Sets values in a section of a JSON file, or at the top level."""

    def harm(folder: Path) -> None:
        data = json.loads((folder / name).read_text())
        (data if section is None else data[section]).update(values)
        (folder / name).write_text(json.dumps(data))

    return harm
