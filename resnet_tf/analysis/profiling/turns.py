"""Loops that are measured in turns, so that a busy machine is fair to all of them."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Work(NamedTuple):
    """A loop to measure.

    Attributes:
        run: Does so many steps, and returns when their results are there.
        amount: What one step gets done: images, operations or bytes.
    """

    run: Callable[[int], None]
    amount: int


def turns(
    works: Mapping[str, Work], rounds: int, seconds: float
) -> dict[str, list[float]]:
    """Returns the amount a second of each turn, by the names of the loops.

    The loops take turns round by round. One step that is not timed goes before each
    turn; the first of them compiles.

    Args:
        works: Loops by name.
        rounds: Turns of each loop.
        seconds: Length of a turn; at least one step.
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
    """Returns the seconds of so many steps, after one that does not count."""
    work.run(1)
    start = time.perf_counter()
    work.run(steps)
    return time.perf_counter() - start
