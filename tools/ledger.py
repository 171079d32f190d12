"""The tables of docs/ledger.md, from its record."""

import functools
import json
from collections.abc import Callable

from markup import paragraph, table
from paths import DOCS
from reliability import NOT_MEASURED, part

from resnet_tf.analysis.ledger.table import ledger_table, notes, setup, summary

RECORD = DOCS / "ledger.json"
_OTHERS = "ledger_*.json"


def verdicts(record: dict) -> str:
    """The variations by their verdicts."""
    return paragraph(f"{summary(record)}.")


def ledger(record: dict) -> str:
    """The base and every variation."""
    found = ledger_table(record)
    return f"{paragraph(setup(record))}\n\n{table(found.head, found.rows)}"


def rules(record: dict) -> str:
    """The rules of the verdicts, the machines, and the command."""
    return f"{paragraph(notes(record))}\n\n```\n{record['command']}\n```"


def others() -> str:
    """The ledgers of other networks, `docs/ledger_*.json`."""
    found = [
        ledger(json.loads(path.read_text())) for path in sorted(DOCS.glob(_OTHERS))
    ]
    return "\n\n".join(found) or NOT_MEASURED


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    makers = {make.__name__: make for make in (verdicts, ledger, rules)}
    own = {name: functools.partial(part, make, RECORD) for name, make in makers.items()}
    return {**own, "others": others}
