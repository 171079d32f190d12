"""Draws `curves.png`: error, loss and learning rate over the steps."""

from pathlib import Path

from resnet_tf.reporting.figure import COLORS, DPI, new_figure
from resnet_tf.runs.history import Row

_TRAIN, _VALIDATION, _RATE = COLORS[:3]


def plot_curves(path: Path, rows: list[Row], title: str) -> None:
    """Draws the history of a run.

    Args:
        path: The PNG file to write.
        rows: At least one report.
        title: Line above the plots.
    """
    figure = new_figure(11, 3.6)
    figure.suptitle(title)
    errors, losses, rates = figure.subplots(1, 3)
    _pair(errors, rows, "train_error", "validation_error", "error (%)")
    _pair(losses, rows, "train_loss", "validation_loss", "cross-entropy")
    steps = [row.step for row in rows]
    rates.plot(steps, [row.learning_rate for row in rows], color=_RATE)
    rates.set_ylabel("learning rate")
    for axes in (errors, losses, rates):
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=DPI)


def _pair(axes, rows: list[Row], train: str, validation: str, label: str) -> None:
    for name, color in ((train, _TRAIN), (validation, _VALIDATION)):
        points = [(row.step, getattr(row, name)) for row in rows]
        points = [point for point in points if point[1] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=color, label=name.split("_")[0])
    axes.set_ylabel(label)
    axes.legend()
