"""The tables of docs/growth.md, from its record."""

import functools
from collections.abc import Callable

from markup import error, facts, table
from paths import DOCS
from reliability import part, place

RECORD = DOCS / "growth" / "growth.json"


def growth(record: dict) -> str:
    """The plans, the best first."""
    plans = sorted(record["plans"].items(), key=lambda item: _end(item[1]))
    scratch = record["plans"].get("scratch")
    head = ["plan", "legs: network, peak rate, updates, error after them"]
    head += ["minutes", "validation error", "points above `scratch`"]
    rows = ([f"`{name}`", _legs(legs), _minutes(legs), _error(legs),
             _above(legs, scratch)] for name, legs in plans)  # fmt: skip
    return table(head, rows)


def setup(record: dict) -> str:
    """The arithmetic of each plan, the machine and the command."""
    multiply_adds = max(map(_multiply_adds, record["plans"].values()))
    return facts(
        {
            "data set": record["dataset"],
            "epochs of the deep network": f"{record['epochs']:g}",
            "multiply-adds of each plan": f"{multiply_adds / 1e12:,.1f} * 10^12",
            **place(record),
            "command": f"`python {record['command']}`",
        }
    )


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    makers = {make.__name__: make for make in (setup, growth)}
    return {
        name: functools.partial(part, make, RECORD) for name, make in makers.items()
    }


def _above(legs: list[dict], scratch: list[dict] | None) -> str:
    return f"{_end(legs) - _end(scratch):+.2f}" if scratch else ""


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
