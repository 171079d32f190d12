"""A sheet of images: rows of equal squares in one PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_GAP, _SMALLEST = 2, 96


def write_sheet(path: Path, rows: Sequence[np.ndarray]) -> None:
    """Writes the rows below each other, small images enlarged by whole factors.

    Args:
        path: The PNG file to write.
        rows: uint8 arrays (N, side, side, 3), all of one shape.
    """
    import matplotlib.image

    images = np.stack(rows)
    factor = -(-_SMALLEST // images.shape[2])
    images = images.repeat(factor, axis=2).repeat(factor, axis=3)
    gaps = [(0, 0), (0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)]
    framed = np.pad(images, gaps, constant_values=255)
    height, width, side = framed.shape[:3]
    sheet = framed.swapaxes(1, 2).reshape(height * side, width * side, 3)
    matplotlib.image.imsave(path, sheet, format="png")
