import json
import subprocess
import sys

import pytest

from resnet_tf.cli.main import main
from resnet_tf.runs import equal

QUICK = (
    "verify-resume",
    "--recipe=quickstart",
    "--train_batch_size=16",
    "--report_freq=3",
)


def verify(tmp_path, *arguments):
    """Returns the output of the command, its exit code and its record."""
    target = tmp_path / "record.json"
    command = [sys.executable, "-m", "resnet_tf", *QUICK, *arguments]
    command.append(f"--json_output={target}")
    answer = subprocess.run(command, capture_output=True, text=True)
    record = json.loads(target.read_text()) if target.exists() else None
    return answer, record


@pytest.mark.parametrize(
    "arguments",
    [
        ["--strategy=mirrored", "--devices=2"],
        pytest.param(["--deterministic"], marks=pytest.mark.slow),
        pytest.param(
            ["--optimizer=muon", "--ema_decay=0.9", "--lookahead=3"],
            marks=pytest.mark.slow,
        ),
        # Slow on a CPU without bfloat16 instructions.
        pytest.param(["--mixed_precision=bfloat16"], marks=pytest.mark.slow),
        pytest.param(
            ["--mixed_precision=bfloat16", "--strategy=mirrored", "--devices=2"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_interrupted_run_has_the_same_result(tmp_path, arguments):
    answer, record = verify(tmp_path, "--steps=7", "--interruptions=2", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    variables = record["variables"]
    assert lines[-1] == f"all {variables} variables after step 7 are equal, bit for bit"
    assert record["equal"] and record["differing"] == [] and record["reports_equal"]
    assert len(record["sha256"]) == variables > 60
    stop, kill = record["interruptions"]
    assert (stop["how"], stop["from"]) == ("stop", 0)
    assert kill["how"] == "kill" and 0 < kill["from"] < kill["step"] < 7
    assert record["settings"]["recipe"] == "quickstart"
    assert record["versions"]["tensorflow"] and record["machine"]["cpu"]
    assert "metrics/loss" in record["sha256"]


def test_a_difference_has_exit_code_1(tmp_path, monkeypatch, capsys):
    result = {"equal": False, "step": 7, "variables": 3, "differing": ["model/kernel"],
              "reports_equal": False, "sha256": {}}  # fmt: skip
    monkeypatch.setattr(equal, "compare", lambda one, other: result)
    monkeypatch.setattr("resnet_tf.cli.verify_resume._train", lambda *args: [])
    with pytest.raises(SystemExit) as caught:
        main([*QUICK, "--steps=7"])
    assert caught.value.code == 1
    assert capsys.readouterr().out.splitlines() == [
        "1 of 3 variables after step 7 differ, e.g. model/kernel",
        "the reports differ",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps=400"], "steps must be above 1 and below train_steps=400, received"),
        (["--interruptions=20"], "interruptions must be above 0 and below steps=20"),
        (["--devices=0"], "devices must be at least 1, received 0"),
        (["--json_output="], "json_output must not be empty"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*QUICK, *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1


def test_the_error_of_a_leg_is_printed(tmp_path):
    answer, record = verify(tmp_path, "--strategy=mirrored", "--devices=3")
    assert answer.returncode == 2 and record is None
    assert answer.stderr == (
        "error: train_batch_size must be divisible by the 3 replicas, received 16\n"
    )
