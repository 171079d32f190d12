import json
import os
import signal
import subprocess
import sys
import time

import pytest

from resnet_tf.analysis.ledger.record import write_record
from resnet_tf.cli.main import main
from tests.analysis.ledger.made import PLAN, made, write_plan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_plan(tmp_path)
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """Returns the names of the runs; each only writes a record."""
    names = []

    def apart(work, job):
        names.append(job.run_dir.name)
        if job.run_dir.name == "deep-seed1":
            return 75 if names.count("deep-seed1") == 1 else -9
        wrong = range(10 * (job.name == "base"))
        write_record(job.record, made(job.name, job.config, wrong))
        return 0

    monkeypatch.setattr("resnet_tf.cli.ledger.apart", apart)
    return names


def ledger(*arguments):
    main(["ledger", "plan.toml", "--records=records", *arguments])


def fails(code, *arguments):
    with pytest.raises(SystemExit) as stop:
        ledger(*arguments)
    assert stop.value.code == code


def test_a_ledger_goes_on_where_it_stopped(folder, trained, capsys):
    fails(75)
    order = ["base-seed0", "fast-seed0", "deep-seed0", "base-seed1", "fast-seed1"]
    assert trained == [*order, "deep-seed1"]
    out, err = capsys.readouterr()
    assert "run 1 of 9: runs/plan/base-seed0" in out
    assert err == "stopped in runs/plan/deep-seed1; the same command resumes it\n"
    fails(1)
    assert trained[6:] == ["deep-seed1"]
    ledger("--only=base,fast", "--seeds=2,0", "--run_dir=other")
    assert trained[7:] == ["base-seed2", "fast-seed2"]
    out = capsys.readouterr().out
    assert "run 1 of 2: other/base-seed2" in out
    assert "helps: fast; too few seeds: deep" in out


def test_the_figures_can_be_computed_again(folder, trained, capsys):
    ledger("--seeds=0", "--json_output=one.json")
    capsys.readouterr()
    ledger("--report", "--json_output=two.json", "--markdown")
    assert capsys.readouterr().out.startswith("# Ledger\n\n## too few seeds: fast")
    one, two = (json.loads((folder / f"{x}.json").read_text()) for x in ("one", "two"))
    assert {**one, "command": ""} == {**two, "command": ""}
    assert two["command"].startswith("python -m resnet_tf")
    assert one["rows"][0]["errors"] == [pytest.approx(100 * 10 / 180)]
    assert one["versions"]["tensorflow"] and one["machine"]["cores"]


def test_a_changed_file_does_not_take_over_records(folder, trained, capsys):
    ledger("--seeds=0")
    capsys.readouterr()
    write_plan(folder, PLAN.replace("epochs = 2", "epochs = 3"))
    before = {path: path.read_bytes() for path in (folder / "records").iterdir()}
    fails(4)
    assert (
        "base-seed0.json belongs to another experiment: train_steps (39 there, 59 "
        in (capsys.readouterr().err)
    )
    assert {p: p.read_bytes() for p in (folder / "records").iterdir()} == before


def test_a_run_folder_of_another_experiment_is_refused_first(
    folder, trained, tiny, capsys
):
    run = folder / "runs/plan/deep-seed2"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(tiny().to_dict()))
    fails(4)
    assert (
        "run folder runs/plan/deep-seed2 belongs to another" in capsys.readouterr().err
    )
    assert trained == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--only=slow"], 2, "only: unknown variation 'slow'; known: base, fast, deep"),
        (["--seeds=0,7"], 2, "seeds must be among 0, 1, 2, received 7"),
        (
            ["--seeds=x"],
            2,
            "argument --seeds: must be whole numbers separated by comma",
        ),
        (["--records=plan.toml"], 6, "records must be a folder, received plan.toml"),
        (["--json_output=plan.toml"], 6, "json_output must be a new file or one that"),
    ],
)
def test_wrong_arguments(folder, trained, capsys, arguments, code, message):
    fails(code, *arguments)
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}") and err.count("\n") == 1
    assert trained == [] and [path.name for path in folder.iterdir()] == ["plan.toml"]


@pytest.mark.slow
def test_a_signal_saves_the_run_and_the_same_command_resumes(folder):
    write_plan(folder, PLAN.replace("epochs = 2", "epochs = 2000"))
    command = [sys.executable, "-m", "resnet_tf", "ledger", "plan.toml"]
    command += ["--records=records", "--only=base", "--seeds=1"]
    for _ in range(2):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        states = folder / "runs/plan/base-seed1/checkpoints"
        before = set(states.glob("step-*[0-9]"))
        while not set(states.glob("step-*[0-9]")) - before:
            assert process.poll() is None
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 75
        assert errors == (
            "stopped in runs/plan/base-seed1; the same command resumes it\n"
        )
    assert not list((folder / "records").iterdir())
