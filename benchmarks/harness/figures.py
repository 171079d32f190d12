"""Computes the speed ratios between the sides, and a table of the samples."""

import statistics
from typing import Any

from harness.loop import OURS, PEERS, PRECISIONS
from harness.race import Result, fastest

BEST = "best"  # the best precision of each side: the most important figure


def ratios(results: list[Result], finals: list[Result]) -> list[dict[str, Any]]:
    """Returns the ratios of our speed to each peer's, at equal and at best precision.

    Args:
        results: Results of the races of one work and one network.
        finals: Results of the fastest loop of each side in a separate race.

    Returns:
        Dicts of `work`, `model`, `precision`, `peer`, `ratio_median`, `ratio_min`
        and `ratio_max` (over the rounds), and the names of the two loops, `ours` and
        `theirs`. A peer without a loop at a precision has no ratio for it.
    """
    races = {
        precision: [r for r in results if r.loop.precision == precision]
        for precision in PRECISIONS
    }
    found = []
    for peer in PEERS:
        for precision, members in (*races.items(), (BEST, finals)):
            ours, theirs = (
                fastest(result for result in members if result.loop.side == side)
                for side in (OURS, peer)
            )
            if ours and theirs:
                found.append(_ratio(ours, theirs, precision))
    return found


def _ratio(ours: Result, theirs: Result, precision: str) -> dict[str, Any]:
    rounds = [a / b for a, b in zip(ours.samples, theirs.samples, strict=True)]
    return {
        "work": ours.loop.work,
        "model": ours.loop.model,
        "precision": precision,
        "peer": theirs.loop.side,
        "ratio_median": statistics.median(rounds),
        "ratio_min": min(rounds),
        "ratio_max": max(rounds),
        "ours": ours.loop.name,
        "theirs": theirs.loop.name,
    }


def table(results: list[Result], found: list[dict[str, Any]]) -> str:
    """Returns a table of the images per second of every loop, and the ratios."""
    lines = [
        f"{'':28} {'images/s':>9} {'lowest':>8} {'highest':>8} "
        f"{'peak MiB':>9} {'first step':>11}"
    ]
    lines += [_line(result) for result in results]
    lines += [
        f"{ratio['precision']}: {ratio['ratio_median']:.2f} times {ratio['peer']} "
        f"({ratio['ratio_min']:.2f} to {ratio['ratio_max']:.2f}; "
        f"{ratio['ours']} / {ratio['theirs']})"
        for ratio in found
    ]
    return "\n".join(lines)


def _line(result: Result) -> str:
    name = f"{result.loop.name:28}"
    if result.absent:
        return f"{name} absent: {result.absent}"
    facts = result.facts
    note = "" if result.qualified else "  slower variant, dropped"
    return (
        f"{name} {result.median:9,.0f} {min(result.samples):8,.0f} "
        f"{max(result.samples):8,.0f} {facts['peak_bytes'] / 2**20:9,.0f} "
        f"{facts['first_step_seconds']:9.1f} s{note}"
    )
