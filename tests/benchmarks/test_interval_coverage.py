"""Tests that 93 to 97 % of the intervals contain the true value."""

import json
from pathlib import Path

import pytest
from interval_coverage import KINDS, RUNS, SEED_POINTS, simulated, within

RECORD = Path(__file__).parents[2] / "docs/intervals/coverage.json"


def test_the_coverage_of_a_difference_with_two_runs():
    cells = simulated(1000, 1, numbers=RUNS[:1], kinds=KINDS[1:2])
    assert len(cells) == len(SEED_POINTS) == 3
    assert [cell for cell in cells if not within(cell)] == []


@pytest.mark.slow
def test_the_coverage_of_every_cell_with_many_repetitions():
    cells = simulated(4000, 1)
    assert len(cells) == len(SEED_POINTS) * len(RUNS) * len(KINDS) == 27
    assert [cell for cell in cells if not within(cell)] == []


def test_the_recorded_coverage():
    record = json.loads(RECORD.read_text())
    assert len(record["cells"]) == 27 and record["repetitions"] == 4000
    assert all(map(within, record["cells"]))
