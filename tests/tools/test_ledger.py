import json

import pytest
from ledger import ledger, rules, verdicts
from paths import DOCS

from resnet_tf.analysis.ledger.figures import ledger_figures
from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.ledger.runs import read_records
from tests.analysis.ledger.made import write_made, write_plan

# Each lies next to its .toml file and its folder of records.
RECORDS = sorted(DOCS.glob("ledger*.json"))


def test_the_parts_of_the_page(tmp_path):
    plan = read_plan(write_plan(tmp_path))
    for seed in plan.seeds:
        for name, wrong in (("base", range(40)), ("fast", range(seed))):
            write_made(tmp_path, name, plan.entries[name].seeded(seed), wrong)
    figures = ledger_figures(plan, read_records(plan, tmp_path))
    record = {**figures, "command": "python -m resnet_tf ledger x.toml"}
    assert verdicts(record) == "helps: fast; too few seeds: deep."
    lines = ledger(record).splitlines()
    assert lines[0].startswith(
        "ResNet-8 on digits. Each run has the arithmetic of 2 ep"
    )
    assert sum(line.startswith("|") for line in lines) == 5
    assert rules(record).endswith("\n```\npython -m resnet_tf ledger x.toml\n```")
    assert all(len(line) <= 88 for line in rules(record).splitlines())


def rounded(text):
    """Returns JSON values; the last digits of a mean depend on the processor."""
    return json.loads(text, parse_float=lambda number: round(float(number), 9))


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_the_figures_of_the_page_follow_from_the_committed_records(record):
    plan = read_plan(record.with_suffix(".toml"))
    records = read_records(plan, record.with_suffix(""))
    found = rounded(json.dumps(ledger_figures(plan, records)))
    stated = rounded(record.read_text())
    assert {key: stated[key] for key in found} == found
