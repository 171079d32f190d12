"""The parts of docs/evaluation.md, from the report of `eval.py --report`."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from markup import paragraph, table
from paths import DOCS

from resnet_tf.analysis.in_depth.folder import page
from resnet_tf.analysis.page import Section

RECORD = DOCS / "evaluation" / "evaluation.json"
# The section of the report for each part.
_SECTIONS = {
    "error": "Error",
    "against": "Against another checkpoint",
    "confused": "Confusion",
    "calibration": "Calibration",
    "robustness": "Robustness",
}


def read() -> dict[str, Any]:
    """Returns the figures of the report."""
    return json.loads(RECORD.read_text())


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return made(read())


def made(record: Mapping[str, Any]) -> dict[str, Callable[[], str]]:
    """Returns functions that make the parts of the page, by name.

    Args:
        record: The JSON record of `eval.py --report --against`.
    """
    report = page(record)
    sections = {section.title: section for section in report.sections}
    texts = {
        name: functools.partial(_section, sections[title])
        for name, title in _SECTIONS.items()
    }
    command = f"```\n{record['command']}\n```"
    return {
        "command": lambda: command,
        **texts,
        "origin": lambda: paragraph(*report.footer),
    }


def _section(section: Section) -> str:
    """Returns the text and the table of a section."""
    found = [paragraph(section.text)] if section.text else []
    if section.table:
        found.append(table(section.table.head, section.table.rows))
    return "\n\n".join(found)
