import hashlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.page import Table
from resnet_tf.checkpoints.resolve import pretrained_root
from resnet_tf.cli.compare import print_table
from resnet_tf.cli.main import main
from resnet_tf.config import ExperimentConfig
from resnet_tf.runs.history import COLUMNS
from tests.analysis.ledger.made import write_made, write_plan

EXPORT = {
    "format": "onnx",
    "metadata": {"checkpoint": "model_20", "parameters": 269_722},
    "images": "digits test",
    "n": 500,
    "error": 10.2,
    "bytes": 1_121_374,
    "latency_ms": 1.34,
    "runtime": "onnxruntime 1.32.0",
    "machine": {"cpu": "CPU", "cores": 4},
}
METRICS = pretrained_root() / "model_20/metrics.json"
SHORT = "--recipe=quickstart --train_steps=2 --train_batch_size=8 --report_freq=1"


def compare(*arguments):
    main(["compare", *SHORT.split(), *arguments])


@pytest.mark.slow
def test_networks_are_trained_once_and_compared(tmp_path, capfd):
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
def test_a_signal_saves_the_current_training(tmp_path):
    command = [sys.executable, "-m", "resnet_tf", "compare", *SHORT.split()]
    command += ["--train_steps=100000", "--report_freq=10", "--keep_checkpoints=1"]
    process = subprocess.Popen(
        [*command, "--models=uva_resnet", f"--output={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "runs/uva_resnet-seed0"
    while not (seen := list((run / "checkpoints").glob("step-*[0-9]"))):
        assert process.poll() is None
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 75
    assert errors == f"stopped in {run}; the same command resumes it\n"
    (left,) = (run / "checkpoints").iterdir()
    assert left.name >= seen[0].name


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        ((), "compare needs --models to train or --runs to collect", 2),
        (("--models=resnet20", "--seed=1"), "takes --models and --seeds, not", 2),
        (("--models=resnet21",), "did you mean", 2),
        (("--runs=nowhere",), "nowhere/config.json is missing", 4),
        (("--runs=x", "--exports=nowhere.json"), "nowhere.json is missing", 4),
        (("--runs=x", f"--exports={METRICS}"), "must be a file that export --json", 4),
    ],
)
def test_wrong_arguments(tmp_path, capsys, arguments, message, code):
    with pytest.raises(SystemExit) as stop:
        compare(*arguments, f"--output={tmp_path / 'new'}")
    errors = capsys.readouterr().err
    assert stop.value.code == code
    assert message in errors and errors.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_missing_packages(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stop:
        compare("--models=resnet20", f"--output={tmp_path}")
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "error: compare needs jinja2 and scipy: pip install 'resnet_tf[report]'\n"
    )


@pytest.fixture
def finished(tmp_path, tiny, monkeypatch):
    """Returns the folder of a finished run named by `compare`; forbids any training."""

    def trained(*arguments):
        raise AssertionError("a training has begun")

    monkeypatch.setattr("resnet_tf.cli.compare.train_apart", trained)
    folder = tmp_path / "out/runs/resnet20-seed0"
    flags = dict(flag.removeprefix("--").split("=") for flag in SHORT.split()[1:])
    settings = {name: int(value) for name, value in flags.items()}
    config = ExperimentConfig.from_flat({**settings, "model": "resnet20"}, "quickstart")
    write_run(folder, config)
    return folder


def write_run(folder, config):
    """Writes the files of a run that `compare` reads before it loads the weights."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "model.weights.h5").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (folder / "metrics.json").write_text(json.dumps({"weights_sha256": digest}))
    summary = {"step": 2, "seconds": 1.5, "images_per_second": 9.0}
    (folder / "summary.json").write_text(json.dumps(summary))
    row = "1.0,1.0,9.0,0.1,2.0,90.0,2.0,90.0,"
    lines = [",".join(COLUMNS), f"1,{row}", f"2,{row}"]
    (folder / "history.csv").write_text("".join(f"{line}\r\n" for line in lines))


DAMAGES = {
    "{}": ("summary.json", "{}", "summary.json: step must be a whole number above 0"),
    "text": (
        "summary.json",
        '{"step": 2, "seconds": "fast", "images_per_second": 1}',
        "summary.json: seconds must be a number from 0 to 1e+15, received 'fast'",
    ),
    "no n": (
        "summary.json",
        '{"step": 2, "seconds": 1, "images_per_second": 1, "test_error": 5}',
        "summary.json: n_test must be a whole number above 0, is missing",
    ),
    "list": ("summary.json", "[]", "summary.json is not JSON as it must be"),
    "long": ("history.csv", f"step,epoch\r\n1,{'9' * 200_000}\r\n", "up to step 2"),
    "cut": ("history.csv", "step", "must have reports up to step 2, received reports "),
    "NaN": (
        "history.csv",
        f"{','.join(COLUMNS)}\r\n2,1,1,nan,1,1,1,,,\r\n",
        "history.csv, step 2: images_per_second must be a number from 0 to 1e+15",
    ),
    "null": ("metrics.json", '{"weights_sha256": null}', "weights_sha256 must be 64"),
    "weights": ("model.weights.h5", "other", "must have the SHA-256 that metrics.json"),
    "config": ("config.json", "{}", "config.json"),
}


@pytest.mark.parametrize("which", DAMAGES)
@pytest.mark.parametrize("how", ["planned", "given"])
def test_a_damaged_run_is_refused_before_any_training(finished, capsys, which, how):
    name, content, message = DAMAGES[which]
    (finished / name).write_text(content)
    output = finished.parents[1]
    arguments = ["--models=resnet20,uva_resnet"]
    if how == "given":
        output = output.parent / "new"
        arguments = ["--models=uva_resnet", f"--runs={finished}"]
    with pytest.raises(SystemExit) as stop:
        compare(*arguments, f"--output={output}")
    errors = capsys.readouterr().err
    assert (stop.value.code, errors.count("\n")) == (4, 1)
    assert message in errors


def test_a_folder_as_history(finished, capsys):
    (finished / "history.csv").unlink()
    (finished / "history.csv").mkdir()
    with pytest.raises(SystemExit) as stop:
        compare("--models=resnet20,uva_resnet", f"--output={finished.parents[1]}")
    assert stop.value.code == 4
    assert capsys.readouterr().err.endswith("history.csv is missing\n")


@pytest.mark.parametrize(
    "change",
    [
        {"error": None}, {"error": "low"}, {"n": None}, {"n": 0}, {"bytes": "many"},
        {"latency_ms": None}, {"metadata": None}, {"machine": []}, {"images": 3},
        {"metadata": {"checkpoint": "a\n", "parameters": 3}}, {"runtime": "\x1b[31m"},
        {"metadata": {"checkpoint": "a"}}, {"machine": {"cpu": "CPU", "cores": None}},
    ],
)  # fmt: skip
def test_a_damaged_export_is_refused_before_any_training(
    finished, tmp_path, capsys, change
):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(EXPORT | change))
    with pytest.raises(SystemExit) as stop:
        compare("--models=uva_resnet", f"--exports={path}", f"--output={tmp_path}/new")
    errors = capsys.readouterr().err
    # An export for other images is not damaged.
    assert stop.value.code == (2 if change == {"error": None} else 4)
    assert errors.count("\n") == 1 and "\x1b" not in errors
    path.write_text(json.dumps(EXPORT))
    with pytest.raises(AssertionError, match="a training has begun"):
        compare("--models=uva_resnet", f"--exports={path}", f"--output={tmp_path}/new")


def test_runs_of_another_data_set_are_refused_before_any_training(finished, capsys):
    with pytest.raises(SystemExit) as stop:
        main([
            "compare", "--models=uva_resnet", "--dataset=cifar10",
            f"--runs={finished}", f"--output={finished.parents[2] / 'new'}",
        ])  # fmt: skip
    assert stop.value.code == 2
    assert "the runs must share a data set" in capsys.readouterr().err


@pytest.mark.parametrize("width", [20, 40, 80, 400])
def test_a_narrow_console_does_not_cut_off_cells(width):
    head = ["network", "test error (n = 1,000)", "95 % interval"]
    rows = [[f"uva_{kind} (init_lr=0.1)", "8.00 %", "[1.00]"] for kind in "abc"]
    text = io.StringIO()
    console = Console(file=text, width=width, highlight=False, markup=False)
    print_table(console, Table("networks", head, rows))
    found = text.getvalue()
    assert "…" not in found
    for row in rows:
        assert all(cell in found for cell in row)
    lists = width < 80
    assert ("  test error (n = 1,000): 8.00 %\n" in found) == lists


def test_records_are_compared_without_weights(tmp_path, capsys):
    plan = read_plan(write_plan(tmp_path))
    for name, wrong in (("base", range(9)), ("fast", range(2))):
        write_made(tmp_path / "records", name, plan.entries[name].seeded(0), wrong)
    records = f"--records={tmp_path / 'records'}"
    compare(records, f"--output={tmp_path / 'out'}")
    out = capsys.readouterr().out
    assert "On these 180 validation images ResNet-8, fast has the lowest error" in out
    record = json.loads((tmp_path / "out/comparison.json").read_text())
    assert [x["label"] for x in record["networks"]] == [
        "ResNet-8, base", "ResNet-8, fast",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as stop:
        compare(records, "--models=resnet20", f"--output={tmp_path / 'new'}")
    assert stop.value.code == 2
    assert "compare takes --records or --models, not both" in capsys.readouterr().err
