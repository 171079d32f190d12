"""The verdict on a variation, by stated rules."""

from collections.abc import Mapping
from typing import Any

HELPS, HURTS, NOTHING_SHOWN = "helps", "hurts", "no difference shown"
DIVERGES, TOO_FEW = "diverges", "too few seeds"
_FEWEST = 2  # seeds, below which nothing is known about other seeds

RULES = (
    "The difference of a variation is its error minus the error of the base, over the "
    "seeds that both have finished. A variation helps if the whole 95 % interval of "
    "the difference is below 0, and hurts if it is above 0; otherwise no difference is "
    "shown, which does not mean that there is none. A variation diverges if one of its "
    f"runs did. With fewer than {_FEWEST} common seeds there is no verdict."
)
_INTERVALS = (
    "The intervals cover other images and other seeds; images are paired, and so are "
    "runs with the same seed."
)


def verdict(row: Mapping[str, Any]) -> str:
    """Returns the verdict on a variation.

    Args:
        row: Its figures, with `diverged` (seeds), `common_seeds` and, with at least one
            common seed, `difference_interval` in percentage points.
    """
    if row["diverged"]:
        return DIVERGES
    if len(row["common_seeds"]) < _FEWEST:
        return TOO_FEW
    low, high = row["difference_interval"]
    if high < 0:
        return HELPS
    return HURTS if low > 0 else NOTHING_SHOWN


def rules(judged: int) -> str:
    """Returns the rules in words.

    Args:
        judged: Number of variations with a verdict from an interval. Each is judged by
            itself, so the text says how many verdicts chance alone would give.
    """
    by_chance = (
        f"Each variation is judged by itself: of {judged} variations without any "
        f"effect, {judged / 20:.1g} would on average still seem to help or hurt."
    )
    return " ".join([RULES, _INTERVALS, *([by_chance] if judged > 1 else [])])
