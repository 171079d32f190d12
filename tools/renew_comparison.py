"""Computes the intervals of the recorded comparison again, without its runs.

    python tools/renew_comparison.py

The record has the error of each run, and McNemar's counts for one run of each pair. It
has no answers to single images. For `images` of docs/intervals.md it therefore uses the
upper bound, the variance of the answers of one run over n.
"""

import json
import math
import sys
from typing import Any

import numpy as np
from paths import DOCS

from resnet_tf.analysis.comparison.advice import advise
from resnet_tf.analysis.comparison.report import JSON, write_report
from resnet_tf.analysis.intervals import Parts, half_width, rate_interval

FOLDER = DOCS / "comparison"
NOTE = (
    "The record of these runs has no answers to single images: the part of the images "
    "is its upper bound, so these intervals are too wide rather than too narrow. Their "
    "ResNet-20 has the shortcuts `A-pool`; by the name `resnet20` it has the paper's "
    "now, `A-append`."
)


def renewed(record: dict[str, Any]) -> dict[str, Any]:
    """Returns the record with intervals and advice by the current method.

    Args:
        record: The record of `compare`. It is not changed.

    Raises:
        ValueError: If it has the parts of the variances already.
    """
    if any("deviations" in one for one in record["networks"]) and "note" not in record:
        raise ValueError("the record already has the intervals of the current method")
    n = record["n"]
    networks = [_network(one, n) for one in record["networks"]]
    errors = {
        one["label"]: dict(zip(one["seeds"], one["errors"], strict=True))
        for one in networks
    }
    pairs = [
        _pair(one, errors[one["a"]], errors[one["b"]], n) for one in record["pairs"]
    ]
    new = {**record, "networks": networks, "pairs": pairs, "note": NOTE}
    return {**new, "advice": advise(new)}


def _network(one: dict[str, Any], n: int) -> dict[str, Any]:
    rate = one["error"] / 100
    found = _parts(rate * (1 - rate) / n, one["errors"])
    interval = list(rate_interval(rate, n, found))
    return {**one, "interval": interval, "deviations": _deviations(found)}


def _pair(
    one: dict[str, Any], a: dict[int, float], b: dict[int, float], n: int
) -> dict[str, Any]:
    """Returns a pair. Both networks must have the same seeds."""
    only_a, only_b = one["only_a_wrong"] / n, one["only_b_wrong"] / n
    single = only_a + only_b - (only_a - only_b) ** 2
    found = _parts(single / n, [a[seed] - b[seed] for seed in sorted(a)])
    half = 100 * float(half_width(found))
    interval = [one["difference"] - half, one["difference"] + half]
    return {**one, "interval": interval, "deviations": _deviations(found)}


def _parts(images: float, percents: list[float]) -> Parts:
    runs = len(percents)
    seeds = float(np.var(percents, ddof=1)) / 1e4 / runs if runs > 1 else 0.0
    return Parts(images, seeds, runs)


def _deviations(found: Parts) -> dict[str, float]:
    return {
        "images": 100 * math.sqrt(found.images),
        "seeds": 100 * math.sqrt(found.seeds),
    }


def main() -> int:
    """Writes the report again; returns the exit code."""
    write_report(FOLDER, renewed(json.loads((FOLDER / JSON).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
