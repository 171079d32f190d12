import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from resnet_tf.checkpoints.resolve import pretrained_root
from resnet_tf.cli.main import main

METRICS = pretrained_root() / "model_20/metrics.json"
SHORT = "--recipe=quickstart --train_steps=2 --train_batch_size=8 --report_freq=1"


def compare(*arguments):
    main(["compare", *SHORT.split(), *arguments])


@pytest.mark.slow
def test_networks_are_trained_and_compared_and_not_trained_again(tmp_path, capfd):
    arguments = ("--models=uva_resnet", "--seeds=2", f"--output={tmp_path}")
    compare(*arguments)
    printed = capfd.readouterr().out
    assert f"run 1 of 1: {tmp_path}/runs/uva_resnet-seed2" in printed
    assert "272,378" in printed and "has the lowest error" in printed
    record = json.loads((tmp_path / "comparison.json").read_text())
    (network,) = record["networks"]
    assert (network["label"], network["seeds"]) == ("uva_resnet", [2])
    assert record["command"].startswith("python -m resnet_tf")
    weights = tmp_path / "runs/uva_resnet-seed2/model.weights.h5"
    before = weights.stat().st_mtime_ns
    compare(*arguments)
    assert weights.stat().st_mtime_ns == before
    assert "is finished" in capfd.readouterr().out


@pytest.mark.slow
def test_a_signal_saves_the_training_at_hand(tmp_path):
    command = [sys.executable, "-m", "resnet_tf", "compare", *SHORT.split()]
    command += ["--train_steps=100000", "--report_freq=50000"]
    process = subprocess.Popen(
        [*command, "--models=uva_resnet", f"--output={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "runs/uva_resnet-seed0"
    while not (run / "tensorboard").exists():
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(20)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75
    assert errors == f"stopped in {run}; the same command goes on\n"
    assert list((run / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ((), "compare needs --models to train or --runs to collect", 2),
        (("--models=resnet20", "--seed=1"), "takes --models and --seeds, not", 2),
        (("--models=resnet21",), "did you mean", 2),
        (("--runs=nowhere",), "nowhere/config.json is missing", 4),
        (("--runs=x", "--exports=nowhere.json"), "nowhere.json is missing", 4),
        (("--runs=x", f"--exports={METRICS}"), "must be what export --json_outp", 4),
    ],
)
def test_what_a_user_can_mend(tmp_path, capsys, arguments, message, code):
    with pytest.raises(SystemExit) as stop:
        compare(*arguments, f"--output={tmp_path / 'new'}")
    errors = capsys.readouterr().err
    assert stop.value.code == code
    assert message in errors and errors.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_packages_that_are_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        compare("--models=resnet20", f"--output={tmp_path}")
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "error: compare needs jinja2 and scipy: pip install 'resnet_tf[report]'\n"
    )
