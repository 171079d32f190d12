import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The whole program, with the stub as every loop.
WITH_STUBS = """
import sys
sys.path.insert(0, "benchmarks")
from harness import loop
loop.MODULES.update(dict.fromkeys(loop.MODULES, "tests.benchmarks.stub"))
import run
from absl import app
app.run(run.main)
"""


def run(command, *arguments):
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command, *map(str, arguments)],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=900,
    )


def test_the_record(tmp_path):
    target = tmp_path / "new" / "run.json"
    answer = run(
        ["-c", WITH_STUBS],
        "--quick",
        "--precisions=float32",
        "--precisions=bfloat16",
        "--seconds=0.02",
        "--models=resnet20",
        "--peer_python=nowhere/python",
        "--timeout=500",
        f"--json_output={target}",
    )
    assert answer.returncode == 0, answer.stderr
    assert "train, resnet20, batch 128" in answer.stdout
    assert "best: " in answer.stdout and " times keras" in answer.stdout
    record = json.loads(target.read_text())
    assert [(r["work"], r["precision"], r["peer"]) for r in record["ratios"]] == [
        (work, precision, "keras")
        for work in ("train", "inference")
        for precision in ("float32", "bfloat16", "best")
    ]
    for ratio in record["ratios"]:
        assert ratio["model"] == "resnet20"
        assert 0 < ratio["ratio_min"] <= ratio["ratio_median"] <= ratio["ratio_max"]
    assert record["absent"] == [
        {
            "work": work,
            "model": "resnet20",
            "loop": f"torch {precision} eager",
            "reason": "python: No such file or directory",
        }
        for work in ("train", "inference")
        for precision in ("float32", "bfloat16")
    ]
    # Three peaks, six loops per work, and training without and with the pipeline.
    assert len(record["loops"]) == 3 + 2 * 6 + 2
    samples = [len(loop["samples"]) for loop in record["loops"]]
    assert samples.count(0) == 4 and samples.count(3) == len(samples) - 4
    assert len(record["roofline"]["networks"]) == 2 * 2 + 2
    assert set(record["seconds"]) == {"train.py --help", "eval.py --help"}
    assert set(record["busy_before"]) == {"train resnet20", "inference resnet20"}
    assert record["versions"]["tensorflow"] and record["machine"]["flags"]
    assert record["plan"] == {
        "rounds": 3,
        "qualifying": 1,
        "seconds": 0.02,
        "timeout": 500.0,
    }
    assert record["quick"] is True
    assert "--peer_python=PATH --" in record["command"]
    assert str(tmp_path) not in record["command"]
    # The best ratios come from the rates of the finals.
    finals = [(loop["work"], loop["side"]) for loop in record["finals"]]
    assert finals == [(w, s) for w in ("train", "inference") for s in ("ours", "keras")]
    for ratio in record["ratios"]:
        if ratio["precision"] == "best":
            ours, theirs = (
                loop["samples"]
                for loop in record["finals"]
                if loop["work"] == ratio["work"]
            )
            best = max(a / b for a, b in zip(ours, theirs, strict=True))
            assert ratio["ratio_max"] == best


@pytest.mark.parametrize(
    ("place", "side", "code"),
    [("heats", "torch", 0), ("heats", "ours", 1), ("finals", "torch", 1)],
)
def test_the_exit_code_depends_on_the_absent_side(place, side, code):
    there = "Result(Loop('train', 'net', 'ours', 'float32'), [1.0])"
    gone = f"Result(Loop('train', 'net', '{side}', 'float32'), absent='no memory')"
    heats, finals = ([there] + [gone] * (place == name) for name in ("heats", "finals"))
    results = f"[{', '.join(heats)}], [{', '.join(finals)}]"
    program = WITH_STUBS.replace(
        "app.run(run.main)",
        "from harness.loop import Loop\nfrom harness.race import Result\nimport json\n"
        f"print(json.dumps(run._summary({results})['absent']))\n"
        f"sys.exit(run._exit_code({results}))",
    )
    answer = run(["-c", program])
    assert answer.returncode == code, answer.stderr
    note = " (final)" if place == "finals" else ""
    assert json.loads(answer.stdout) == [
        {
            "work": "train",
            "model": "net",
            "loop": f"{side} float32{note}",
            "reason": "no memory",
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["resnet20"], "no argument is expected, received 'resnet20'"),
        (["--models=resnet18"], "--models=resnet18"),
        (["--json_output=setup.py/run.json"], "json_output"),
    ],
)
def test_wrong_arguments(arguments, text):
    answer = run(["-c", WITH_STUBS], *arguments)
    assert answer.returncode != 0
    assert text in answer.stdout + answer.stderr


@pytest.mark.slow
def test_the_real_loops(tmp_path):
    target = tmp_path / "run.json"
    answer = run(
        ["benchmarks/run.py"],
        "--quick",
        "--precisions=float32",
        "--precisions=bfloat16",
        "--seconds=0",
        "--batch=8",
        "--models=resnet20",
        "--dataset=digits",
        f"--json_output={target}",
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    record = json.loads(target.read_text())
    for loop in record["loops"]:
        if loop["side"] != "peak" and not loop.get("absent"):
            assert loop["parameters"] == 269_722
    ours = [loop for loop in record["loops"] if loop["side"] == "ours"]
    assert len(ours) == 6 and not any(loop.get("absent") for loop in ours)
    # Torch is measured or reported as absent.
    torch = [loop for loop in record["loops"] if loop["side"] == "torch"]
    assert len(torch) == 4
    assert all(bool(loop["samples"]) != ("absent" in loop) for loop in torch)
    peers = {ratio["peer"] for ratio in record["ratios"]}
    assert "keras" in peers
