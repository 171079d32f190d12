"""The tables of docs/reliability.md, from its records."""

import functools
import json
from collections.abc import Callable
from pathlib import Path

from comparison import processor
from markup import facts, table
from paths import DOCS

RECORDS = DOCS / "reliability"
NOT_MEASURED = "Not measured."


def mutations(record: dict) -> str:
    """The damages of each file, and the answers of its reader."""
    files = record["files"]
    kinds = ("truncations", "flips", "edits")
    damages = sum(one.get(kind, 0) for one in files for kind in kinds)
    found = sum(sum(one["findings"].values()) for one in files)
    summary = facts(
        {
            "damages": f"{damages:,} in {len(files)} files",
            "findings": f"{found:,}",
            "longest answer": f"{max(one['slowest_seconds'] for one in files):.1f} s",
            "largest growth of memory": f"{max(map(_grown, files)):.0f} MB",
            **place(record),
        }
    )
    head = [
        "read as", "file", "bytes", "cut off", "bytes changed", "values changed",
        "answers", "findings",
    ]  # fmt: skip
    rows = (
        [
            one["reader"],
            f"`{one['file']}`",
            f"{one['bytes']:,}",
            f"{one['truncations']:,}",
            f"{one['flips']:,}",
            f"{one.get('edits', 0):,}",
            "; ".join(f"{words}: {n:,}" for words, n in one["answers"].items()),
            "; ".join(one["findings"]) or "none",
        ]
        for one in files
    )
    return f"{summary}\n\n{table(head, rows)}"


def kills(record: dict) -> str:
    """The outcome of a training that was killed again and again."""
    n, early = record["n"], record["n"] - record["with_checkpoint"]
    return facts(
        {
            "updates of the training": f"{record['step']:,}",
            "kills (`kill -9`)": f"{n}",
            "kills while a checkpoint was half written": f"{record['while_writing']}",
            "kills before the first checkpoint": f"{early}",
            "resumed from the newest whole checkpoint": f"{record['resumed']} of {n}",
            "variables, compared with an undisturbed training": (
                f"{record['variables']}, {_equal(record['equal'])}"
            ),
            "reports": _equal(record["reports_equal"]),
            **place(record),
        }
    )


def place(record: dict) -> dict[str, str]:
    """Returns the seed, the machine and the versions of a record, by name."""
    versions = record["versions"]
    return {
        "seed": f"{record['seed']}",
        "machine": processor(record["machine"]),
        "versions": f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}",
    }


def part(make: Callable[[dict], str], path: Path) -> str:
    """Returns the text for a record, or "Not measured." without one."""
    return make(json.loads(path.read_text())) if path.exists() else NOT_MEASURED


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    makers = {"mutations": mutations, "records": mutations, "kills": kills}
    return {
        name: functools.partial(part, make, RECORDS / f"{name}.json")
        for name, make in makers.items()
    }


def _equal(equal: bool) -> str:
    return "equal, bit for bit" if equal else "**not all equal**"


def _grown(one: dict) -> float:
    return one["grown_bytes"] / 1e6
