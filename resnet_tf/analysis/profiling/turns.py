"""Measures several loops in turns, so that a busy machine affects all equally."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Work(NamedTuple):
    """A loop to measure.

    Attributes:
        run: Runs the given number of steps and waits for their results.
        amount: Amount of work in one step: number of images, operations or bytes.
    """

    run: Callable[[int], None]
    amount: int


def turns(
    works: Mapping[str, Work], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Returns the rate of each turn, in amount per second, by loop name.

    The loops are measured in rounds, one turn each. Each turn starts with one untimed
    step; the very first one compiles.

    Args:
        works: Loops by name.
        rounds: Number of turns of each loop.
        seconds: Length of a turn in seconds; a turn has at least one step.
    """
    steps = {name: _steps(work, seconds) for name, work in works.items()}
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            passed = _timed(work, steps[name])
            rates[name].append(steps[name] * work.amount / passed)
    return rates


def _steps(work: Work, seconds: float) -> int:
    return max(1, round(seconds / _timed(work, 1)))


def _timed(work: Work, steps: int) -> float:
    """Returns the seconds of the given number of steps, after one untimed step."""
    work.run(1)
    start = time.perf_counter()
    work.run(steps)
    return time.perf_counter() - start
