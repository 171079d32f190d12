import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_tf.machine import has_bfloat16

FASTEST = "bfloat16" if has_bfloat16() else "float32"
ROOT = Path(__file__).parents[2]
# The whole program, but every process is the stub, and two pairs are enough.
WITH_STUBS = """
import sys
sys.path.insert(0, "benchmarks")
import tried
from harness import loop
loop.MODULES["settings"] = "tests.benchmarks.stub"
from trials import kernels
make = kernels.kernel_pairs
kernels.kernel_pairs = lambda batch: make(batch)[2:4]
from absl import app
app.run(tried.main)
"""


def run(command, *arguments):
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_record(tmp_path):
    target = tmp_path / "new" / "tried.json"
    answer = run(["-c", WITH_STUBS], "--quick", f"--json_output={target}")
    assert answer.returncode == 0, answer.stderr
    assert f"training of resnet20, {FASTEST} 4x32x32x3: freed memory" in answer.stdout
    record = json.loads(target.read_text())
    assert [(row["name"], row["shape"]) for row in record["tried"]] == [
        ("batch norm", "4x32x32x88"),
        ("gradient of batch norm", "4x32x32x88"),
        *[("training of resnet20", "4x32x32x3")] * 6,
        ("inference of resnet20", "4x32x32x3"),
        ("training of densenet_bc100_k12", "2x32x32x3"),
    ]
    for row in record["tried"]:
        assert len(row["ratios"]) == 3
        assert 0 < row["ratio_min"] <= row["ratio_median"] <= row["ratio_max"]
        assert row["verdict"] in ("faster", "slower", "no difference")
    assert record["plan"] == {"rounds": 3, "seconds": 0.01}
    assert record["absent"] == []
    assert [row["tried"] for row in record["tried"] if row["option"]] == [
        "two half batches side by side, one thread an operation; batch norm by halves "
        "(`--lanes`)",
        "`memory_efficient`",
    ]
    assert record["quick"] is True and str(tmp_path) not in record["command"]
    assert record["versions"]["tensorflow"] and record["machine"]["cpu"]


def test_a_setting_that_cannot_be_is_absent(monkeypatch):
    from harness.loop import MODULES
    from harness.race import Plan
    from trials import processes

    monkeypatch.setitem(MODULES, processes.SIDE, "tests.benchmarks.stub")
    variants = {"absent": "what is not there", "fast": "the fast one"}
    study = processes.Study("train", ("resnet20",), "as it is", variants, share=0.5)
    plan = Plan(rounds=3, seconds=0.02, timeout=20)
    found, absent = processes.run(study, "resnet20", 8, plan, lambda line: None)
    reason = "No module named 'nothing'"
    assert absent == [{"loop": "train resnet20 absent", "reason": reason}]
    (fast,) = found
    assert (fast["plain"], fast["tried"]) == ("as it is", "the fast one")
    assert (fast["precision"], fast["shape"]) == ("bfloat16", "4x32x32x3")
    assert len(fast["ratios"]) == 3 and fast["verdict"] == "faster"


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("resnet20", "no argument is expected, received 'resnet20'"),
        ("--json_output=setup.py/tried.json", "json_output"),
    ],
)
def test_wrong_arguments(argument, text):
    answer = run(["benchmarks/tried.py"], argument)
    assert answer.returncode != 0
    assert text in answer.stdout + answer.stderr


@pytest.mark.slow
def test_the_real_processes(tmp_path):
    target = tmp_path / "tried.json"
    answer = run(["benchmarks/tried.py"], "--quick", f"--json_output={target}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = json.loads(target.read_text())
    kernels = 12 if FASTEST == "bfloat16" else 4
    assert len(record["tried"]) == kernels + 6 + 1 + 1 and not record["absent"]
