import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import kills as benchmark

ROOT = Path(__file__).parents[2]


def test_at_most_one_kill_comes_between_two_reports():
    ends = benchmark.draw(50, 0)
    assert ends == benchmark.draw(50, 0) != benchmark.draw(50, 1)
    intervals = [(end.step - 1) // benchmark.REPORT_FREQ for end in ends]
    assert len(ends) == 50 and intervals == sorted(set(intervals))
    steps = benchmark.experiment(50, 0).train.train_steps
    assert 0 < ends[0].step and ends[-1].step <= steps
    assert sum(end.how == "kill_writing" for end in ends) == 16
    assert all(end.delay > 0 for end in ends if end.how == "kill_writing")


@pytest.mark.slow
def test_killed_runs_end_like_undisturbed_ones(tmp_path):
    target = tmp_path / "record" / "kills.json"
    command = [sys.executable, "-m", "tests.reliability.kills", "--kills=3"]
    command.append(f"--json_output={target}")
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("resumed from ") == 4
    record = json.loads(target.read_text())
    assert (record["n"], record["resumed"], record["seed"]) == (3, 3, 0)
    assert record["equal"] and record["differing"] == [] and record["reports_equal"]
    assert record["with_checkpoint"] >= 1
    for kill in record["kills"]:
        assert kill["resumed_from"] == kill["newest_checkpoint"]
    assert record["versions"]["tensorflow"] and record["machine"]["cpu"]
