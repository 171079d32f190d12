"""Draws confusion matrices."""

import io
from collections.abc import Sequence

import numpy as np

from resnet_tf.reporting.figure import DPI, new_figure, plain

_LEGIBLE = 20  # with more classes, numbers and names are too small to read


def side(names: Sequence[str]) -> float:
    """Returns the side, in inches, of a readable matrix of these classes."""
    return 4.2 if len(names) <= _LEGIBLE else 6.0


def draw_confusion(axes, matrix: np.ndarray, names: Sequence[str], title: str) -> None:
    """Draws the predictions in percent of each true class.

    Args:
        axes: Matplotlib axes to draw on.
        matrix: Number of images by true and predicted class (c, c).
        names: Names of the c classes.
        title: Line above the matrix.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    shares = 100 * matrix / np.maximum(totals, 1)
    axes.imshow(shares, cmap="cividis", vmin=0, vmax=100)
    axes.set(title=title, xlabel="predicted", ylabel="true")
    if len(names) > _LEGIBLE:
        return
    labels = [plain(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=90)
    axes.set_yticks(range(len(names)), labels)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.5:
            options = {"ha": "center", "va": "center", "fontsize": 7}
            color = "black" if share > 50 else "white"
            axes.text(column, row, f"{share:.0f}", color=color, **options)


def confusion_picture(
    matrix: np.ndarray, names: Sequence[str], title: str
) -> np.ndarray:
    """Returns a picture of one matrix, uint8 array (1, H, W, 3)."""
    import matplotlib.image

    size = 1.3 * side(names)
    figure = new_figure(size, size)
    draw_confusion(figure.add_subplot(), matrix, names, title)
    png = io.BytesIO()
    figure.savefig(png, dpi=DPI)
    png.seek(0)
    pixels = matplotlib.image.imread(png)[..., :3]
    return np.round(255 * pixels).astype(np.uint8)[np.newaxis]
