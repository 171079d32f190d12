"""Writes the picture and the table of a loss landscape."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resnet_tf.disk import write_text
from resnet_tf.reporting.figure import COLORS, DPI, new_figure

# Loss at the contours, in nats: the same in every picture, so pictures can be compared.
_LEVELS = np.geomspace(0.01, 100.0, 25)


def write_table(path: Path, offsets: np.ndarray, loss, error) -> None:
    """Writes one CSV line per point: first, second, loss, error.

    Args:
        path: The CSV file to write.
        offsets: Steps along each direction (size,).
        loss: Cross-entropy (size, size), the second direction first.
        error: Error in percent (size, size).

    Raises:
        OSError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["first", "second", "loss", "error"])
    for i, j in np.ndindex(loss.shape):
        point = offsets[j], offsets[i], loss[i, j], error[i, j]
        writer.writerow(float(value) for value in point)
    write_text(path, text.getvalue())


def draw_landscapes(
    path: Path, slices: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Draws one or more slices side by side, with the same levels of loss.

    Args:
        path: The PNG file to write.
        slices: Steps (size,) and cross-entropy (size, size) by title.

    Raises:
        OSError: If the file cannot be written.
    """
    from matplotlib.colors import LogNorm

    figure = new_figure(5.2 * len(slices) + 1, 5)
    sides = figure.subplots(1, len(slices), squeeze=False)[0]
    norm = LogNorm(_LEVELS[0], _LEVELS[-1])
    for axes, (title, (offsets, loss)) in zip(sides, slices.items(), strict=True):
        shown = np.nan_to_num(loss, nan=_LEVELS[-1], posinf=_LEVELS[-1])
        shown = shown.clip(_LEVELS[0], _LEVELS[-1])
        filled = axes.contourf(
            offsets, offsets, shown, _LEVELS, norm=norm, cmap="cividis"
        )
        axes.contour(
            offsets, offsets, shown, _LEVELS, colors="white", linewidths=0.4, alpha=0.6
        )
        axes.plot(0, 0, marker="+", markersize=10, color=COLORS[1], markeredgewidth=2)
        axes.set(title=title, xlabel="first direction", aspect="equal")
        axes.locator_params(nbins=5)
    sides[0].set_ylabel("second direction")
    bar = figure.colorbar(filled, ax=list(sides), label="cross-entropy (nats)")
    bar.set_ticks([0.01, 0.1, 1, 10, 100], labels=["0.01", "0.1", "1", "10", "100"])
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
