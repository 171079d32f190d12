"""Two ways to do one thing, and which of them is faster."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trial:
    """What was tried instead of the plain way.

    Attributes:
        name: What both ways do.
        plain: The plain way, in a few words.
        tried: The other way.
        precision: "float32" or "bfloat16".
        shape: What they do it to.
        used_in: Where the package does it the other way, as a path from the root,
            or "".
        option: Whether it does so only if told to.
    """

    name: str
    plain: str
    tried: str
    precision: str
    shape: str
    used_in: str = ""
    option: bool = False


@dataclass(frozen=True)
class Pair:
    """Both ways as functions without arguments that do the work when called."""

    trial: Trial
    plain: Callable[[], Any]
    tried: Callable[[], Any]


def measure(pair: Pair, rounds: int, seconds: float) -> list[float]:
    """Returns how many times as fast the tried way was, a number for each round.

    The two take turns in this process, and another one begins each round.

    Args:
        pair: What to measure.
        rounds: Turns of each.
        seconds: Length of a turn of the plain way; at least one call.
    """
    for way in (pair.plain, pair.tried):
        _seconds(way, 2)  # the first call compiles
    calls = max(1, round(seconds / _seconds(pair.plain, 1)))
    ratios = []
    for number in range(rounds):
        ways = [pair.plain, pair.tried]
        spent = {way: _seconds(way, calls) for way in ways[:: 1 - 2 * (number % 2)]}
        ratios.append(spent[pair.plain] / spent[pair.tried])
    return ratios


def entry(trial: Trial, ratios: list[float]) -> dict[str, Any]:
    """Returns the trial's fields, its ratios, and the `verdict` that follows.

    Args:
        trial: What was tried.
        ratios: How many times as fast it was as the plain way, round by round.
    """
    low, high = min(ratios), max(ratios)
    return {
        **vars(trial),
        "ratio_median": statistics.median(ratios),
        "ratio_min": low,
        "ratio_max": high,
        "verdict": "faster" if low > 1 else "slower" if high < 1 else "no difference",
        "ratios": ratios,
    }


def _seconds(way: Callable[[], Any], calls: int) -> float:
    """Returns the seconds of so many calls; on CPUs they end when the work does."""
    start = time.perf_counter()
    for _ in range(calls):
        way()
    return time.perf_counter() - start
