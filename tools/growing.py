"""The generated part of docs/growth.md, from the record that lies beside it."""

import functools
from collections.abc import Callable

from markup import error, paragraph, table
from paths import DOCS
from reliability import part, place

RECORD = DOCS / "growth" / "growth.json"


def growth(record: dict) -> str:
    """What each plan ended with, the best first."""
    plans = sorted(record["plans"].items(), key=lambda item: _end(item[1]))
    head = ["plan", "legs: network, peak rate, updates, error after them"]
    head += ["minutes", "validation error"]
    rows = ([f"`{name}`", _legs(legs), _minutes(legs), _error(legs)]
            for name, legs in plans)  # fmt: skip
    multiply_adds = max(_multiply_adds(legs) for _, legs in plans)
    words = paragraph(
        f"Each plan has {multiply_adds / 1e12:,.1f} times 10^12 multiply-adds forward "
        f"on {record['dataset']}: {record['epochs']:g} epochs of the deep "
        f"network. One run each. {place(record)}",
        "The networks are those of the recipe `onecycle`: order `pre`, "
        "shortcuts `A-pool`.",
        _winner(plans),
    )
    command = f"```\npython {record['command']}\n```"
    return f"{words}\n\n{table(head, rows)}\n\n{command}"


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"growth": functools.partial(part, growth, RECORD)}


def _winner(plans: list[tuple[str, list[dict]]]) -> str:
    """Returns what the best plan gains, empty without one to compare it with."""
    (best, legs), scratch = plans[0], dict(plans).get("scratch")
    if scratch is None:
        return ""
    if legs is scratch:
        return "Nothing beats `scratch`."
    return f"`{best}` ends {_end(scratch) - _end(legs):.2f} points below `scratch`."


def _end(legs: list[dict]) -> float:
    return legs[-1]["validation_error"]


def _legs(legs: list[dict]) -> str:
    return "; ".join(
        f"{leg['network']}, {leg['init_lr']:g}, {leg['updates']:,}, "
        f"{leg['validation_error']:.2f} %"
        for leg in legs
    )


def _minutes(legs: list[dict]) -> str:
    return f"{sum(leg['seconds'] for leg in legs) / 60:.1f}"


def _error(legs: list[dict]) -> str:
    return error(legs[-1]["validation_error"], legs[-1]["n_validation"])


def _multiply_adds(legs: list[dict]) -> int:
    return sum(leg["multiply_adds"] for leg in legs)
