"""The tables of docs/intervals.md, from the recorded simulation."""

import json
from collections.abc import Callable

from comparison import processor
from markup import facts, table
from paths import DOCS

RECORD = DOCS / "intervals" / "coverage.json"
_EFFECTS = {0.0: "none", 1.0: "weak, 1 point", 5.0: "strong, 5 points"}


def coverage(record: dict) -> str:
    """The coverage and the width of the intervals in every cell."""
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
    known = {
        "images": f"{record['n']:,}",
        "repetitions of each cell": f"{record['repetitions']:,}",
        "seed": f"{record['seed']}",
        "machine": processor(record["machine"]),
    }
    head = ["effect of seeds", "runs", *kinds]
    return f"{table(head, rows)}\n\n{facts(known)}"


def _cell(cell: dict) -> str:
    return f"{cell['coverage']:.1f} % ({cell['width']:.2f})"


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"coverage": lambda: coverage(json.loads(RECORD.read_text()))}
