"""The generated parts of docs/reliability.md, from the records that lie beside it."""

import functools
import json
from collections.abc import Callable
from pathlib import Path

from comparison import processor
from markup import paragraph, points, table
from paths import DOCS

RECORDS = DOCS / "reliability"
NOT_MEASURED = "Not measured."


def mutations(record: dict) -> str:
    """What the readers answered to damaged files."""
    files = record["files"]
    kinds = ("truncations", "flips", "edits")
    damages = sum(one.get(kind, 0) for one in files for kind in kinds)
    found = sum(sum(one["findings"].values()) for one in files)
    words = paragraph(
        f"{damages:,} damages of {len(files)} files were tried, and what must not "
        f"happen happened {found:,} times. The longest answer took "
        f"{max(one['slowest_seconds'] for one in files):.1f} s; the process's peak of "
        f"memory rose by at most {max(_grown(one) for one in files):.0f} MB while one "
        f"file was read again and again. {place(record)}"
    )
    head = [
        "read as", "file", "bytes", "cut off", "bytes changed", "values changed",
        "answers", "found",
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
            "; ".join(one["findings"]) or "nothing",
        ]
        for one in files
    )
    return f"{words}\n\n{table(head, rows)}"


def kills(record: dict) -> str:
    """What became of a training that was killed again and again."""
    late = record["n"] - record["with_checkpoint"]
    variables = f"All {record['variables']} variables"
    if not record["equal"]:
        variables = f"**Not all {record['variables']} variables**"
    lines = [
        f"{record['n']} kills (`kill -9`) of one training of {record['step']} updates, "
        f"{record['while_writing']} of them while a checkpoint was half written.",
        f"{record['resumed']} of {record['n']} times the next process went on from the "
        f"newest whole checkpoint; {late} of the kills came before there was one.",
        f"{variables} (weights, optimizer, metrics) and "
        f"{'all' if record['reports_equal'] else '**not all**'} reports are equal, bit "
        "for bit, to those of a training that nobody killed.",
        place(record),
    ]
    return points(lines)


def place(record: dict) -> str:
    """The machine, the versions and the command of a record."""
    machine, versions = record["machine"], record["versions"]
    return (
        f"Seed {record['seed']}, {processor(machine)}, "
        f"TensorFlow {versions['tensorflow']}, Keras {versions['keras']}."
    )


def part(make: Callable[[dict], str], path: Path) -> str:
    """Returns what is made of a record, or that there is none."""
    return make(json.loads(path.read_text())) if path.exists() else NOT_MEASURED


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    makers = {"mutations": mutations, "records": mutations, "kills": kills}
    return {
        name: functools.partial(part, make, RECORDS / f"{name}.json")
        for name, make in makers.items()
    }


def _grown(one: dict) -> float:
    return one["grown_bytes"] / 1e6
