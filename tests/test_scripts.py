"""Tests the scripts as a user runs them: exit codes and one-line errors."""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def children_seconds():
    """Returns the CPU time of the finished child processes, in seconds.

    Unlike elapsed time, it does not grow on a busy machine.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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


def test_eval_without_other_flags(trained):
    folder, _ = trained
    (run_dir,) = (folder / "runs").iterdir()
    answer = run("eval.py", "--ckpt", run_dir, "--json_output=result.json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
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
    assert f"error {result['error']:.2f} % (n = 360, 95 % interval" in answer.stdout
    assert '"normalization": "mean_std"' in answer.stdout


def test_another_config_in_the_same_folder(trained):
    folder, _ = trained
    (run_dir,) = (folder / "runs").iterdir()
    answer = run("train.py", *QUICK, "--seed=1", "--run_dir", run_dir, cwd=folder)
    assert_one_line(answer, 4, "seed (0 there, 1 here)")


@pytest.mark.parametrize("script", ["train.py", "eval.py"])
def test_help_is_fast_and_lists_the_flags(script, tmp_path):
    run(script, "--help", cwd=tmp_path)
    start = children_seconds()
    answer = run(script, "--help", cwd=tmp_path)
    assert children_seconds() - start < 1
    assert answer.returncode == 0
    assert "--data_dir" in answer.stdout
    expected = "--num_residual_blocks" if script == "train.py" else "--ckpt"
    assert expected in answer.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "text"),
    [
        ("train.py", ["--train_step=5"], "Did you mean: train_steps"),
        ("train.py", ["--train_steps=many"], "train_steps=many"),
        ("train.py", ["--train_steps=0"], "train_steps must be at least 1"),
        ("train.py", ["--init_lr=nan"], "init_lr must be finite, received nan"),
        ("train.py", ["--init_lr=inf"], "init_lr must be finite, received inf"),
        (
            "train.py",
            ["--model=resnet", "--depth=40"],
            "depth belongs to model=densenet",
        ),
        ("train.py", ["--recipe=fast"], "recipe=fast"),
        ("train.py", ["--channel_mean=a,b,c"], "channel_mean=a,b,c"),
        ("train.py", ["--nodownload=3"], "nodownload"),
        ("train.py", ["18"], "no argument is expected besides flags, received '18'"),
        ("eval.py", [], "ckpt"),
        ("eval.py", ["--ckpt=x", "--split=train"], "split=train"),
        ("eval.py", ["--ckpt=x", "--test_batch_size=0"], "test_batch_size must be"),
        ("eval.py", ["--ckpt=x", "--json_output="], "json_output must not be"),
    ],
)
def test_wrong_flags_are_one_line_within_a_second(script, arguments, text, tmp_path):
    start = children_seconds()
    answer = run(script, *arguments, cwd=tmp_path)
    seconds = children_seconds() - start
    assert_one_line(answer, 2, text)
    assert seconds < 1
    assert not list(tmp_path.iterdir())


def test_missing_data_is_one_line_within_ten_seconds(tmp_path):
    start = time.monotonic()
    answer = run("train.py", "--nodownload", "--data_dir=nowhere", cwd=tmp_path)
    assert_one_line(answer, 3, "--dataset=digits, which needs no data")
    assert time.monotonic() - start < 10
    assert not list(tmp_path.iterdir())


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
    assert errors.endswith("; the same command goes on from there\n")
    assert errors.count("\n") == 1
    (run_dir,) = (tmp_path / "runs").iterdir()
    states = [path.name for path in (run_dir / "checkpoints").iterdir()]
    assert f"step-{step:08d}" in states


def test_another_keras_backend_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    answer = run("train.py", *QUICK, cwd=tmp_path)
    assert_one_line(answer, 2, "KERAS_BACKEND must be tensorflow, received 'jax'")


def test_an_unknown_checkpoint_is_one_line(tmp_path):
    answer = run("eval.py", "--ckpt=model_9", cwd=tmp_path)
    assert_one_line(answer, 4, "received 'model_9'")
