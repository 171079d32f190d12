"""Damage to a file: it ends too early, or one byte is another."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

TRUNCATION, FLIP = "truncation", "flip"


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
