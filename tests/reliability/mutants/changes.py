"""Damage to a file: it ends too early, or one byte or one value changes."""

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TRUNCATION, FLIP = "truncation", "flip"
# What a field must not hold, or only some fields; the last of JSON has no value.
_GONE = object()
_VALUES = (
    None, True, False, 0, -1, 1, 2.5, -0.5, 101, 1e16, 1e308, 2**62, "", "fast", "nan",
    "a\nb", "\x1b[31m", "$x^$", "9" * 5000, [], [1], [[]], {}, {"a": 1}, _GONE,
)  # fmt: skip
_CELLS = (
    "", "fast", "nan", "inf", "-inf", "-1", "0", "1e16", "1e308", "1e999", "9" * 5000,
    "9" * 200_000, '"', "a\nb", "\x00", "\x1b", "é", "1_0", " 3 ", "0x1", "None",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One damage.

    Attributes:
        kind: `TRUNCATION` or `FLIP`.
        at: The new length, or the index of the byte.
        mask: What the byte is combined with by exclusive or, 1 to 255.
    """

    kind: str
    at: int
    mask: int = 0

    def __call__(self, content: bytes) -> bytes:
        """Returns the damaged content."""
        if self.kind == TRUNCATION:
            return content[: self.at]
        harmed = bytearray(content)
        harmed[self.at] ^= self.mask
        return bytes(harmed)

    @property
    def place(self) -> str:
        """The place, in words."""
        return f"{self.kind} at byte {self.at}, mask {self.mask}"


def changes(size: int, truncations: int, flips: int, seed: str) -> Iterator[Change]:
    """Yields random damages of a file.

    Args:
        size: Its bytes, at least 1.
        truncations: How many lengths below `size`.
        flips: How many bytes.
        seed: The same seed gives the same damages.
    """
    draw = random.Random(seed)
    for _ in range(truncations):
        yield Change(TRUNCATION, draw.randrange(size))
    for _ in range(flips):
        yield Change(FLIP, draw.randrange(size), draw.randint(1, 255))


@dataclass(frozen=True)
class Edit:
    """One value that changes or disappears.

    Attributes:
        place: Where, in words.
        content: The damaged content.
    """

    place: str
    content: bytes

    def __call__(self, content: bytes) -> bytes:
        """Returns the damaged content."""
        return self.content


def edits(content: bytes, count: int, seed: str) -> Iterator[Edit]:
    """Yields random damages to values of a JSON object or of a CSV table.

    Args:
        content: The file.
        count: How many.
        seed: The same seed gives the same damages.
    """
    draw = random.Random(f"{seed} edits")
    change = _edited_object if content.startswith(b"{") else _edited_table
    for _ in range(count):
        yield change(content, draw)


def _edited_object(content: bytes, draw: random.Random) -> Edit:
    whole = json.loads(content)
    places = list(_places(whole))
    owner, key = draw.choice(places)
    value = draw.choice(_VALUES)
    if value is _GONE:
        del owner[key]
    else:
        owner[key] = value
    words = "is gone" if value is _GONE else f"is {value!r:.20}"
    return Edit(f"{key} {words}", json.dumps(whole).encode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields each place of a value: what holds it, and its key or index."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def _edited_table(content: bytes, draw: random.Random) -> Edit:
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    row = draw.randrange(len(rows))
    column = draw.randrange(len(rows[row]))
    rows[row][column] = cell = draw.choice(_CELLS)
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return Edit(f"row {row}, column {column} is {cell!r:.20}", text.getvalue().encode())
