"""Draws the pictures of a comparison."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.reporting.confusion import draw_confusion, side
from resnet_tf.reporting.figure import COLORS, DPI, new_figure

# In addition to the colors, for black-and-white print.
_MARKERS = "osD^vP*X"
_MARKED = 10  # maximum number of markers on a curve
_DROP = 2.0  # a learning rate that falls by more between two reports has dropped

CURVES, COSTS, CONFUSION = "curves.png", "costs.png", "confusion.png"


def draw(folder: Path, record: Mapping[str, Any]) -> list[Path]:
    """Writes the pictures of a comparison and returns their paths.

    Args:
        folder: An existing folder.
        record: Figures from `record.compare`.
    """
    pictures: dict[str, Callable[[Any, Mapping[str, Any]], None]] = {
        CURVES: _curves,
        COSTS: _costs,
        CONFUSION: _confusion,
    }
    return [_write(folder / name, pictures[name], record) for name in drawn(record)]


def drawn(record: Mapping[str, Any]) -> list[str]:
    """Returns the names of the pictures; records without images have no confusion."""
    known = all(network["confusion"] for network in record["networks"])
    return [CURVES, COSTS, *([CONFUSION] if known else [])]


def _write(path: Path, do: Callable, record: Mapping[str, Any]) -> Path:
    figure = new_figure()
    do(figure, record)
    figure.savefig(path, dpi=DPI)
    return path


def _curves(figure, record: Mapping[str, Any]) -> None:
    """Draws errors over epochs: the mean over the seeds, in a band from min to max.

    Dotted lines mark the epochs at which a learning rate drops.
    """
    figure.set_size_inches(11, 4.4)
    sides = figure.subplots(1, 2, sharey=True)
    columns = ("train_error", "validation_error")
    for axes, column in zip(sides, columns, strict=True):
        for number, network in enumerate(record["networks"]):
            _band(axes, network["histories"], column, number)
        for epoch in _drops(record["networks"]):
            axes.axvline(epoch, color="0.6", linestyle=":", linewidth=1)
        axes.set(xlabel="epoch", title=column.replace("_", " "), ylim=(0, None))
        axes.grid(alpha=0.3)
    sides[0].set_ylabel("error (%)")
    _legend(figure, sides[0], record)


def _style(number: int) -> dict[str, str]:
    """Returns the color and the marker of a network."""
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": _MARKERS[number % len(_MARKERS)],
    }


def _band(axes, histories: Sequence, column: str, number: int) -> None:
    reports = list(zip(*histories, strict=False))
    values = [[row[column] for row in rows] for rows in reports]
    if not values or any(value is None for row in values for value in row):
        return
    epochs = [rows[0]["epoch"] for rows in reports]
    lows, means, highs = zip(
        *((min(v), sum(v) / len(v), max(v)) for v in values), strict=True
    )
    style = _style(number)
    every = math.ceil(len(epochs) / _MARKED)
    axes.plot(epochs, means, markevery=every, markersize=5, linewidth=1.6, **style)
    axes.fill_between(epochs, lows, highs, color=style["color"], alpha=0.2, linewidth=0)


def _drops(networks: Sequence[Mapping[str, Any]]) -> list[float]:
    """Returns the epochs at which a learning rate has dropped.

    A schedule that decays continuously falls by any factor as it approaches 0. Such
    steps, and the last report, do not count as drops.
    """
    found = set()
    for network in networks:
        rows = network["histories"][0]
        rates = [row["learning_rate"] for row in rows]
        for n, (before, after) in enumerate(itertools.pairwise(rates[:-1])):
            falling = n > 0 and rates[n - 1] > before
            if before > _DROP * after and not falling:
                found.add(rows[n]["epoch"])
    return sorted(found)


def _legend(figure, axes, record: Mapping[str, Any]) -> None:
    """Draws the legend below the plots, so that it hides nothing."""
    from matplotlib.lines import Line2D

    labels = [network["label"] for network in record["networks"]]
    handles = [Line2D([], [], **_style(number)) for number in range(len(labels))]
    rows = math.ceil(len(labels) / 4)
    columns = math.ceil(len(labels) / rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def _costs(figure, record: Mapping[str, Any]) -> None:
    """Draws errors with 95 % intervals over parameters and multiply-adds."""
    figure.set_size_inches(11, 4.4)
    sides = figure.subplots(1, 2, sharey=True)
    for axes, cost, label in zip(
        sides, ("parameters", "macs"), ("parameters", "multiply-adds"), strict=True
    ):
        for number, network in enumerate(record["networks"]):
            low, high = network["interval"]
            axes.errorbar(
                network[cost],
                network["error"],
                [[network["error"] - low], [high - network["error"]]],
                markersize=7,
                capsize=3,
                **_style(number),
            )
        values = [network[cost] for network in record["networks"]]
        axes.set_xscale("log")
        axes.set_xlim(0.7 * min(values), 1.4 * max(values))
        axes.xaxis.set_major_locator(_locator())
        axes.xaxis.set_major_formatter(lambda value, _: _short(value))
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    sides[0].set_ylabel(f"{record['split']} error (%), n = {record['n']:,}")
    _legend(figure, sides[0], record)


def _locator():
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 1.5, 2, 3, 5, 7))


def _short(value: float) -> str:
    """Returns a count in short form, e.g. "270 K" or "1.7 M"."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g}"


def _confusion(figure, record: Mapping[str, Any]) -> None:
    """Draws the confusion matrices in percent of each true class, over all seeds."""
    networks, names = record["networks"], record["class_names"]
    columns = min(3, len(networks))
    rows = math.ceil(len(networks) / columns)
    figure.set_size_inches(side(names) * columns, side(names) * rows)
    for n, network in enumerate(networks, 1):
        axes = figure.add_subplot(rows, columns, n)
        matrix = np.array(network["confusion"])
        draw_confusion(axes, matrix, names, network["label"])
