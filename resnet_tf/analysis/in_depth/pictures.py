"""Draws the pictures of a report on one checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.analysis.sheet import sheet
from resnet_tf.reporting.confusion import draw_confusion, side
from resnet_tf.reporting.figure import COLORS, DPI, new_figure

CONFUSION, RELIABILITY = "confusion.png", "reliability.png"
MISTAKES, ROBUSTNESS = "mistakes.png", "robustness.png"
_MARKERS = "osD^v"  # in addition to the colors, for black-and-white print
_COLUMNS = 6  # images per row in the picture of the mistakes
_LONGEST = 14  # maximum letters of a class name above an image


def draw_confusions(path: Path, record: Mapping[str, Any]) -> None:
    """Draws the confusion matrix.

    Args:
        path: The PNG file to write.
        record: Figures from `evaluate_in_depth`.
    """
    names = record["class_names"]
    size = 1.3 * side(names)
    figure = new_figure(size, size)
    matrix = np.array(record["confusion"])
    draw_confusion(figure.add_subplot(), matrix, names, "predictions in % of a class")
    figure.savefig(path, dpi=DPI)


def draw_reliability(path: Path, record: Mapping[str, Any]) -> None:
    """Draws accuracy over confidence, without and with the temperature.

    A histogram of the confidences is below each plot.

    Args:
        path: The PNG file to write.
        record: Figures from `evaluate_in_depth`.
    """
    calibration = record["calibration"]
    shown = {"uncalibrated": calibration["before"]}
    if calibration["after"]:
        shown[f"temperature {calibration['temperature']:.2f}"] = calibration["after"]
    figure = new_figure(5.2 * len(shown), 5.6)
    rows = figure.subplots(
        2, len(shown), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for (above, below), (title, found) in zip(rows.T, shown.items(), strict=True):
        bins, color = found["bins"], COLORS[0]
        places = [100 * one["confidence"] for one in bins]
        heights = [100 * one["accuracy"] for one in bins]
        bounds = [[100 * bound for bound in one["interval"]] for one in bins]
        reach = _reach(heights, bounds)
        above.plot([0, 100], [0, 100], color="0.6", linestyle="--", linewidth=1)
        above.errorbar(places, heights, reach, color=color, marker="o", capsize=3)
        above.set_title(f"{title}: ECE {found['ece']:.2f} points")
        shares = [100 * one["n"] / record["n"] for one in bins]
        below.bar(places, shares, width=4, color=color)
        below.set(xlabel="confidence (%)", xlim=(-2, 102))
        for axes in (above, below):
            axes.grid(alpha=0.3)
    rows[0, 0].set(ylabel="accuracy (%)", ylim=(-2, 102))
    rows[1, 0].set(ylabel="predictions (%)")
    figure.savefig(path, dpi=DPI)


def draw_mistakes(path: Path, record: Mapping[str, Any], images: np.ndarray) -> None:
    """Draws the most confident mistakes with their true and predicted classes.

    Args:
        path: The PNG file to write.
        record: Figures from `evaluate_in_depth`, with at least one mistake.
        images: Images of the mistakes, uint8 array (N, side, side, 3).
    """
    rows = -(-len(images) // _COLUMNS)
    figure = new_figure(1.75 * _COLUMNS, 2.1 * rows)
    cells = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for axes in cells:
        axes.axis("off")
    for axes, image, one in zip(cells, images, record["mistakes"], strict=False):
        axes.imshow(image, interpolation="nearest")
        guess = f"{_short(one['predicted'])} {100 * one['probability']:.1f} %"
        axes.set_title(f"{_short(one['true'])}, not\n{guess}", fontsize=9)
    figure.savefig(path, dpi=DPI)


def draw_robustness(path: Path, record: Mapping[str, Any], images: np.ndarray) -> None:
    """Draws the error over the strength of each corruption, and example images.

    Args:
        path: The PNG file to write.
        record: Figures from `evaluate_in_depth`.
        images: One image under each corruption, uint8 array (corruptions, 1 +
            strengths, side, side, 3).
    """
    figure = new_figure(11, 4.6)
    errors, seen = figure.subplots(1, 2)
    for number, one in enumerate(record["robustness"]):
        heights = [record["error"], *one["errors"]]
        bounds = [record["interval"], *one["intervals"]]
        errors.errorbar(
            range(len(heights)),
            heights,
            _reach(heights, bounds),
            label=one["name"],
            color=COLORS[number],
            marker=_MARKERS[number],
            capsize=3,
        )
    errors.set(xlabel="strength", ylabel=f"error (%), n = {record['n']:,}")
    errors.set_ylim(bottom=0)
    errors.grid(alpha=0.3)
    errors.legend()
    pixels = sheet(images)
    seen.imshow(pixels)
    names = [one["name"] for one in record["robustness"]]
    for axis, length, labels in (
        (seen.yaxis, len(pixels), names),
        (seen.xaxis, pixels.shape[1], range(images.shape[1])),
    ):
        middles = (np.arange(len(labels)) + 0.5) * length / len(labels)
        axis.set_ticks(middles, labels)
    seen.set_xlabel("strength")
    seen.tick_params(length=0)
    seen.spines[:].set_visible(False)
    figure.savefig(path, dpi=DPI)


def _reach(values: Sequence[float], bounds: Sequence[Sequence[float]]) -> np.ndarray:
    """Returns the lengths of error bars below and above the values (2, n)."""
    low, high = np.transpose(bounds)
    return np.maximum([values - low, high - values], 0)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
