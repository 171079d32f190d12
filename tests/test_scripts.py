"""Tests the scripts as a user runs them: exit codes and one-line errors."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import eval as eval_script
import train as train_script

ROOT = Path(__file__).parents[1]
QUICK = (
    "--recipe=quickstart",
    "--train_steps=4",
    "--train_batch_size=16",
    "--report_freq=2",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns the folder of a shortened quickstart, and its output."""
    folder = tmp_path_factory.mktemp("work")
    command = [sys.executable, str(ROOT / "train.py"), *QUICK]
    options = {"capture_output": True, "text": True, "timeout": 600}
    return folder, subprocess.run(command, cwd=folder, **options)


@pytest.fixture
def run_dir(trained, monkeypatch):
    """Changes to the folder of the quickstart and returns its run folder.

    The tests that use it run scripts in this process; test_package.py and
    test_wrong_inputs.py start processes.
    """
    monkeypatch.chdir(trained[0])
    (folder,) = (trained[0] / "runs").iterdir()
    return folder


@pytest.fixture
def sigterm():
    """Restores the handler of SIGTERM, which `train.py` replaces."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


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


@pytest.mark.usefixtures("run_dir", "sigterm")
def test_the_same_command_finds_its_run(trained, capsys):
    train_script.main(QUICK)
    out = capsys.readouterr().out
    assert "is finished" in out
    assert out.splitlines()[-2:] == trained[1].stdout.splitlines()[-2:]


def test_eval_without_other_flags(run_dir, capsys):
    eval_script.main(["--ckpt", str(run_dir), "--json_output=result.json"])
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(Path("result.json").read_text())
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
        "tta",
    }
    assert result["tta"] == "none"
    assert f"error {result['error']:.2f} % (n = 360, 95 % interval" in out
    assert '"normalization": "mean_std"' in out


@pytest.mark.usefixtures("sigterm")
def test_another_config_in_the_same_folder(run_dir, capsys):
    with pytest.raises(SystemExit) as stop:
        train_script.main([*QUICK, "--seed=1", "--run_dir", str(run_dir)])
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (4, "")
    assert err.count("\n") == 1 and err.startswith("error: ")
    assert "seed (0 there, 1 here)" in err


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
