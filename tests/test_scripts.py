"""Tests the scripts as a user runs them: exit codes and one-line errors."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import eval as eval_script

ROOT = Path(__file__).parents[1]
QUICK = (
    "--recipe=quickstart",
    "--train_steps=4",
    "--train_batch_size=16",
    "--report_freq=2",
)


def run(script, *arguments, cwd, **options):
    command = [sys.executable, str(ROOT / script), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=600, **options
    )


def assert_one_line(answer, code, text):
    assert answer.returncode == code, answer.stderr
    assert answer.stderr.count("\n") == 1 and answer.stderr.startswith("error: ")
    assert text in answer.stderr
    assert answer.stdout == ""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns the folder of a shortened quickstart, and its output."""
    folder = tmp_path_factory.mktemp("work")
    return folder, run("train.py", *QUICK, cwd=folder)


def test_train_prints_one_line_per_report_and_the_result(trained):
    folder, answer = trained
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("resnet8: 75,290 parameters | digits: 1,257")
    assert lines[1].startswith("step 2/4 | loss ") and lines[1].endswith(" left")
    assert lines[2].startswith("step 4/4 | loss ")
    assert lines[3] == "evaluating the last and the best weights"
    assert "(n = 180), test error " in lines[4]
    assert answer.stderr == ""
    (run_dir,) = (folder / "runs").iterdir()
    assert run_dir.name.startswith("resnet-digits-")


def test_the_same_command_finds_its_run(trained):
    folder, first = trained
    again = run("train.py", *QUICK, cwd=folder)
    assert again.returncode == 0
    assert "is finished" in again.stdout
    assert again.stdout.splitlines()[-2:] == first.stdout.splitlines()[-2:]


def test_eval_without_other_flags(trained, monkeypatch, capsys):
    folder, _ = trained
    (run_dir,) = (folder / "runs").iterdir()
    monkeypatch.chdir(folder)
    # In this process; tests/test_package.py and test_wrong_inputs.py start processes.
    eval_script.main(["--ckpt", str(run_dir), "--json_output=result.json"])
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads((folder / "result.json").read_text())
    summary = json.loads((run_dir / "summary.json").read_text())
    assert result["error"] == summary["test_error"]
    assert (result["n"], result["split"]) == (360, "test")
    assert set(result) == {
        "checkpoint",
        "dataset",
        "split",
        "n",
        "error",
        "interval",
        "loss",
        "per_class_error",
        "preprocessing",
    }
    assert f"error {result['error']:.2f} % (n = 360, 95 % interval" in out
    assert '"normalization": "mean_std"' in out


def test_another_config_in_the_same_folder(trained):
    folder, _ = trained
    (run_dir,) = (folder / "runs").iterdir()
    answer = run("train.py", *QUICK, "--seed=1", "--run_dir", run_dir, cwd=folder)
    assert_one_line(answer, 4, "seed (0 there, 1 here)")


def test_ctrl_c_prints_how_to_resume(tmp_path):
    command = [sys.executable, str(ROOT / "train.py"), *QUICK, "--train_steps=9999"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A background job of a shell ignores Ctrl-C, and its children inherit that.
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        while "step" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 75
    said = r"stopped after step (\d+) of 9999, which is saved in runs/resnet-digits-"
    step = int(re.match(said, errors)[1])
    assert errors.endswith("; run the same command to resume\n")
    assert errors.count("\n") == 1
    (run_dir,) = (tmp_path / "runs").iterdir()
    states = [path.name for path in (run_dir / "checkpoints").iterdir()]
    assert f"step-{step:08d}" in states
