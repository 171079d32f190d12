"""Draws a sheet of images: rows of equal squares in one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_GAP, _SMALLEST = 2, 96
# The PNG text that marks a sheet of this package; it precedes the pixels.
_MARK, _HEAD = {"Software": "resnet_tf preview"}, 1024


def sheet(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Returns one picture of all rows; small images are enlarged by a whole factor.

    Args:
        rows: uint8 arrays (N, side, side, 3), all of the same shape.

    Returns:
        uint8 array (H, W, 3).
    """
    images = np.stack(rows)
    factor = -(-_SMALLEST // images.shape[2])
    images = images.repeat(factor, axis=2).repeat(factor, axis=3)
    gaps = [(0, 0), (0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)]
    framed = np.pad(images, gaps, constant_values=255)
    height, width, side = framed.shape[:3]
    return framed.swapaxes(1, 2).reshape(height * side, width * side, 3)


def write_sheet(path: Path, rows: Sequence[np.ndarray]) -> None:
    """Writes a sheet.

    Args:
        path: The PNG file to write.
        rows: See `sheet`.
    """
    import matplotlib.image

    matplotlib.image.imsave(path, sheet(rows), format="png", metadata=_MARK)


def is_sheet(path: Path) -> bool:
    """Returns whether `write_sheet` wrote a file."""
    try:
        with open(path, "rb") as file:
            start = file.read(_HEAD)
    except OSError:
        return False
    return all(f"{key}\0{value}".encode() in start for key, value in _MARK.items())
