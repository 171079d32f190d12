"""The table of a ledger and the text around it, from its figures."""

from collections.abc import Mapping
from typing import Any

from resnet_tf.analysis.ledger.plan import BASE
from resnet_tf.analysis.ledger.verdict import (
    DIVERGES,
    HELPS,
    HURTS,
    NOTHING_SHOWN,
    TOO_FEW,
    rules,
)
from resnet_tf.analysis.page import Page, Section, Table, markdown
from resnet_tf.reporting.progress import duration

Figures = Mapping[str, Any]


def ledger_markdown(figures: Figures) -> str:
    """Returns a ledger as a Markdown page."""
    section = Section(summary(figures), setup(figures), ledger_table(figures))
    return markdown(Page("Ledger", [section], (notes(figures),)))


def ledger_table(figures: Figures) -> Table:
    """Returns the table of a ledger, one row for each entry."""
    n = "" if figures["n"] is None else f" (n = {figures['n']:,})"
    head = [
        "variation",
        "changes",
        f"validation error{n}",
        "95 % interval",
        "seeds",
        "difference",
        "95 % interval of it",
        "verdict",
        "updates x images",
        "training",
        "time / base",
    ]
    rows = figures["rows"]
    times = len(figures["machines"]) == 1
    return Table("ledger", head, [_cells(row, times) for row in rows])


def setup(figures: Figures) -> str:
    """Returns a sentence on what the runs of a ledger share."""
    budget = figures["budget"]
    seeds = ", ".join(map(str, figures["seeds"]))
    return (
        f"{figures['network']} on {figures['dataset']}. Each run has the arithmetic of "
        f"{budget['epochs']:g} epochs of the base, {budget['multiply_adds']:.4g} "
        f"multiply-adds; seeds {seeds}."
    )


def summary(figures: Figures) -> str:
    """Returns the names of the variations by their verdicts."""
    names: dict[str, list[str]] = {}
    for row in figures["rows"][1:]:
        names.setdefault(row["verdict"], []).append(row["name"])
    order = (HELPS, HURTS, NOTHING_SHOWN, DIVERGES, TOO_FEW)
    parts = (f"{one}: {', '.join(names[one])}" for one in order if one in names)
    return "; ".join(parts) or "no variation yet"


def notes(figures: Figures) -> str:
    """Returns the rules of the verdicts, and where the runs were computed."""
    judged = (HELPS, HURTS, NOTHING_SHOWN)
    number = sum(row.get("verdict") in judged for row in figures["rows"])
    machines = "; ".join(figures["machines"]) or "none yet"
    commits = ", ".join(figures["commits"]) or "none yet"
    return (
        f"{rules(number)} Errors are those of the last weights, single view, float32, "
        "in percent; ± is the standard deviation over seeds. Times are compared within "
        f"one machine only. Machines: {machines}. Commits: {commits}."
    )


def _cells(row: Figures, times: bool) -> list[str]:
    changes = ", ".join(f"{key}={value}" for key, value in row["changes"].items())
    return [
        row["name"],
        changes or "-",
        *_error_cells(row),
        *_difference_cells(row),
        row.get("verdict", "-"),
        f"{row['updates']:,} x {row['batch']:,}",
        _seconds(row) if times else "-",
        _ratio(row),
    ]


def _error_cells(row: Figures) -> list[str]:
    seeds = str(len(row["seeds"]))
    if row["diverged"]:
        seeds += f" and {len(row['diverged'])} diverged"
    if row["error"] is None:
        return ["-", "-", seeds]
    low, high = row["interval"]
    deviation = "" if row["error_sd"] is None else f" ± {row['error_sd']:.2f}"
    return [f"{row['error']:.2f}{deviation}", f"{low:.2f} to {high:.2f}", seeds]


def _difference_cells(row: Figures) -> list[str]:
    if "difference" not in row:
        return ["-", "-"]
    low, high = row["difference_interval"]
    return [f"{row['difference']:+.2f}", f"{low:+.2f} to {high:+.2f}"]


def _seconds(row: Figures) -> str:
    (seconds,) = row["seconds"].values() or (None,)
    return "-" if seconds is None else duration(seconds)


def _ratio(row: Figures) -> str:
    if row["name"] == BASE:
        return "1" if row["seeds"] else "-"
    ratio = row["relative_seconds"]
    return "-" if ratio is None else f"{ratio:.2f}"
