"""Counts the answers of a reader to damaged files."""

import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from resnet_tf.errors import ResnetTfError
from tests.reliability.mutants.changes import changes, edits

SAME = "the same"
NO_CHECKSUM = "other values, of a file that states no checksum"

# Longer than any reader takes for a whole file; a machine may be busy.
SLOW_SECONDS = 20.0
LARGEST_GROWTH = 100_000_000  # bytes


class Reader(NamedTuple):
    """A function that reads a file.

    Attributes:
        name: In words.
        read: Returns a digest of all that was read.
        right: Words for each digest that may be read: `SAME` and, for a run, that
            of the state before.
        files: What it reads, to be damaged one at a time.
        other: Words for any other digest where the files have no checksum; None
            where it must not happen.
    """

    name: str
    read: Callable[[], str]
    right: dict[str, str]
    files: list[Path]
    other: str | None = None


def mutate(
    reader: Reader,
    path: Path,
    truncations: int,
    flips: int,
    seed: int,
    edited: int = 0,
) -> dict[str, Any]:
    """Returns the answers of the reader to damages of `path`, which is whole after.

    Args:
        reader: What reads it.
        path: One of the reader's files.
        truncations, flips, seed: See `changes`.
        edited: Values that are changed, see `edits`; only of JSON and CSV.

    Returns:
        JSON values: `reader`, `file`, `bytes`, `truncations`, `flips`, `edits`,
        `answers` and `findings` by number, `slowest_seconds`, and `grown_bytes`, by
        which the process's peak of memory rose. A finding is an answer that must not
        be: other weights than those that were saved, an error that the command line
        would show as a traceback or in several lines, a long wait, or much memory.
    """
    content = path.read_bytes()
    answers: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    slowest, peak = 0.0, _peak_bytes()
    words = f"{seed} {reader.name} {path.name}"
    try:
        damages = changes(len(content), truncations, flips, words)
        for change in itertools.chain(damages, edits(content, edited, words)):
            _replace(path, change(content))
            start = time.monotonic()
            answer, right = answered(reader)
            seconds = time.monotonic() - start
            slowest = max(slowest, seconds)
            answers[answer] += 1
            if not right:
                findings[f"{answer} ({change.place})"] += 1
            if seconds > SLOW_SECONDS:
                findings[f"over {SLOW_SECONDS:.0f} s ({change.place})"] += 1
    finally:
        _replace(path, content)
    if (grown := _peak_bytes() - peak) > LARGEST_GROWTH:
        findings[f"{grown} bytes of memory"] += 1
    return {
        "reader": reader.name,
        "file": path.name,
        "bytes": len(content),
        "truncations": truncations,
        "flips": flips,
        "edits": edited,
        "answers": dict(answers.most_common()),
        "findings": dict(findings),
        "slowest_seconds": slowest,
        "grown_bytes": grown,
    }


def answered(reader: Reader) -> tuple[str, bool]:
    """Returns the answer of a reader, in words, and whether it is allowed."""
    try:
        digest = reader.read()
    except ResnetTfError as error:
        if "\n" in str(error) or len(str(error)) > 1000:
            return "an error of many lines", False
        return f"refused, exit code {error.exit_code}", True
    except Exception as error:  # the command line would show a traceback
        return f"traceback of {type(error).__name__}", False
    if digest in reader.right:
        return reader.right[digest], True
    return reader.other or "other weights", reader.other is not None


def _replace(path: Path, content: bytes) -> None:
    """Writes a new file: the old one may still be mapped into memory."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _peak_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
