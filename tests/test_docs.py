"""Tests that the pages are up to date, linked and complete."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_tf.checkpoints.resolve import pretrained_names, pretrained_root

ROOT = Path(__file__).parents[1]


def test_the_pages_are_up_to_date():
    command = [sys.executable, "tools/generate.py", "--check"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr or "run: python tools/generate.py"


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
RECORDS = [p for folder in ("", "benchmarks/", "comparison/", "reliability/")
           for p in sorted(ROOT.glob(f"docs/{folder}*.json"))]  # fmt: skip


RIDDLES = r"\b(?:that of|those of|cannot be had|told apart|beside|mend|nothing but)\b"


def anchors(text: str) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_have_a_target(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\((?!https?:)([^)\s]*)\)", text):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text()), target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_text_has_no_riddles(page):
    """Checks the hand-written text for words that are not plain English."""
    text = re.sub(r"<!-- begin: (\w+) -->.*?<!-- end: \1 -->", "", page.read_text(),
                  flags=re.DOTALL)  # fmt: skip
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    if page.parent.name != "comparison":  # the report of a program
        assert re.findall(RIDDLES, text, re.IGNORECASE) == []


def test_the_index_has_every_page():
    index = (ROOT / "docs/README.md").read_text()
    for page in ROOT.glob("docs/*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index, page.name


def test_the_layout_names_every_room():
    package = ROOT / "resnet_tf"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    page = (ROOT / "docs/layout.md").read_text()
    assert rooms == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


def test_the_readme_is_short():
    assert (ROOT / "README.md").read_text().count("\n") <= 200


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name)
def test_a_record_has_its_provenance(path):
    record = json.loads(path.read_text())
    facts = record.get("summary", record)
    assert facts["versions"]["tensorflow"] and facts["machine"]["cpu"]
    assert len(facts["commit"]) >= 40


@pytest.mark.parametrize("name", pretrained_names())
def test_a_card_is_up_to_date(name):
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from card import card
    finally:
        sys.path.remove(str(ROOT / "tools"))
    from resnet_tf.checkpoints.files import read_config

    folder = pretrained_root() / name
    metrics = json.loads((folder / "metrics.json").read_text())
    config = read_config(folder / "config.json")
    assert (folder / "README.md").read_text() == card(name, config, metrics)
