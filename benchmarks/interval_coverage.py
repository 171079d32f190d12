"""Simulates the coverage of the 95 % intervals of errors and differences.

    python benchmarks/interval_coverage.py --json_output=docs/intervals/coverage.json

Exits with 1 if a coverage is outside 93 to 97 %.
"""

import itertools
import sys
from typing import Any

import numpy as np
from absl import app, flags
from harness.arguments import require_no_arguments
from harness.paths import command
from harness.record import make_room, write

from resnet_tf.analysis.intervals import half_width, parts, rate_interval
from resnet_tf.analysis.paired import differences
from resnet_tf.reporting.provenance import provenance

SEED_POINTS = (0.0, 1.0, 5.0)  # standard deviation of a run's error in points
RUNS = (2, 3, 5)
KINDS = ("error", "difference", "difference, seeds alike")
BOUNDS = (93.0, 97.0)
N = 1000
_ERRORS = (0.20, 0.22)  # errors of the two networks without an effect of seeds
_IMAGES = 1.5  # standard deviation of the difficulty of images, relative to the noise
_ALIKE = 0.5  # correlation between the networks for one image, and for equal seeds
_CHUNK = 250


def define_flags() -> None:
    """Defines the flags; not on import, because tests import other scripts too."""
    flags.DEFINE_string("json_output", None, "File for the result.")
    flags.DEFINE_integer("repetitions", 4000, "Repetitions per cell.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seed of the random numbers.", lower_bound=0)


def main(argv) -> int:
    """Simulates, prints and writes; returns the exit code."""
    require_no_arguments(argv)
    values = flags.FLAGS
    make_room(values.json_output)
    cells = simulated(values.repetitions, values.seed)
    record = {
        "command": command("benchmarks/interval_coverage.py", sys.argv[1:]),
        "seed": values.seed,
        **provenance(),
        "n": N,
        "repetitions": values.repetitions,
        "cells": cells,
    }
    for cell in cells:
        print(f"{cell}")
    write(record, values.json_output)
    return int(any(not within(cell) for cell in cells))


def within(cell: dict[str, Any]) -> bool:
    """Returns whether the coverage of a cell is between 93 and 97 %."""
    return BOUNDS[0] <= cell["coverage"] <= BOUNDS[1]


def simulated(
    repetitions: int, seed: int, numbers=RUNS, kinds=KINDS
) -> list[dict[str, Any]]:
    """Returns the coverage for every effect of seeds, number of runs and kind.

    Each cell has `seed_points`, `runs`, `kind`, `coverage` (percent) and `width`, the
    mean width relative to an interval from the true variance.
    """
    cells = []
    for points, runs in itertools.product(SEED_POINTS, numbers):
        for kind in kinds:
            draw = np.random.default_rng([seed, round(points), runs, len(kind)])
            found = _cell(points, runs, kind, repetitions, draw)
            cells.append({"seed_points": points, "runs": runs, "kind": kind, **found})
    return cells


def _cell(points, runs, kind, repetitions, draw) -> dict[str, float]:
    """Returns the coverage and the width of one cell."""
    held, widths, centers = [], [], []
    alike = _ALIKE if kind == KINDS[2] else 0.0
    for start in range(0, repetitions, _CHUNK):
        count = min(_CHUNK, repetitions - start)
        truth, (a, b) = _answers(points, runs, alike, count, draw)
        one = kind == KINDS[0]
        values = a if one else differences(a, b)
        means, found = values.mean(axis=(1, 2)), parts(values)
        if one:
            each = zip(means, found.images, found.seeds, strict=True)
            bounds = np.array([
                rate_interval(mean, N, found._replace(images=x, seeds=y))
                for mean, x, y in each
            ]).T / 100  # fmt: skip
            target = truth[0]
        else:
            half = half_width(found)
            bounds, target = (means - half, means + half), truth[0] - truth[1]
        held += list((bounds[0] <= target) & (target <= bounds[1]))
        widths += list(bounds[1] - bounds[0])
        centers += list(means)
    ideal = 2 * 1.959963984540054 * np.std(centers)
    return {
        "coverage": 100 * float(np.mean(held)),
        "width": float(np.mean(widths) / ideal),
    }


def _answers(points, runs, alike, count, draw):
    """Returns the true errors and the wrong answers (count, runs, N) of two networks.

    An answer is wrong if level + seed + image + noise is above 0; the last three are
    normally distributed.
    """
    from scipy.stats import norm

    spread = np.sqrt(1 + _IMAGES**2)
    common, seeds = draw.normal(size=(count, 1, N)), draw.normal(size=(count, runs, 1))
    truth, answers = [], []
    for error in _ERRORS:
        level = spread * norm.ppf(error)
        deviation = points / 100 * spread / norm.pdf(norm.ppf(error))
        image = _mixed(common, _ALIKE, draw)
        seed = deviation * _mixed(seeds, alike, draw)
        noise = draw.standard_normal((count, runs, N), np.float32)
        answers.append((level + seed + _IMAGES * image + noise > 0).astype(np.float64))
        truth.append(norm.cdf(level / np.sqrt(spread**2 + deviation**2)))
    return truth, answers


def _mixed(common, correlation, draw):
    own = draw.normal(size=common.shape)
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own


if __name__ == "__main__":
    define_flags()
    app.run(main)
