"""The generated part of docs/intervals.md, from the simulation that is recorded."""

import json
from collections.abc import Callable

from comparison import processor
from markup import paragraph, table
from paths import DOCS

RECORD = DOCS / "intervals" / "coverage.json"
_EFFECTS = {0.0: "none", 1.0: "weak, 1 point", 5.0: "strong, 5 points"}


def coverage(record: dict) -> str:
    """The coverage of every cell, and how wide the intervals are."""
    cells = record["cells"]
    kinds = list(dict.fromkeys(cell["kind"] for cell in cells))
    found = {(x["seed_points"], x["runs"], x["kind"]): x for x in cells}
    rows = (
        [
            _EFFECTS[points],
            str(runs),
            *(_cell(found[points, runs, kind]) for kind in kinds),
        ]
        for points, runs in dict.fromkeys((x["seed_points"], x["runs"]) for x in cells)
    )
    words = paragraph(
        f"{record['n']:,} images, {record['repetitions']:,} repetitions a cell, seed",
        f"{record['seed']}, {processor(record['machine'])}. In parentheses: the mean",
        "width over the width that the true variance would give.",
    )
    head = ["effect of seeds", "runs", *kinds]
    return f"{words}\n\n{table(head, rows)}"


def _cell(cell: dict) -> str:
    return f"{cell['coverage']:.1f} % ({cell['width']:.2f})"


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"coverage": lambda: coverage(json.loads(RECORD.read_text()))}
