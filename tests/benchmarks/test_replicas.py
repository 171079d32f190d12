"""Tests the benchmark of replicas with simulated trainings."""

from pathlib import Path

from harness import replicas

HISTORY = "step,epoch,seconds,images_per_second,learning_rate,train_loss,train_error\n"


def test_each_number_of_replicas_has_its_command(monkeypatch):
    commands = []

    def played(command, cwd, env, **options):
        commands.append((command, env.get("CUDA_VISIBLE_DEVICES")))
        run = Path(cwd, "run")
        run.mkdir()
        rows = [f"{step},1,1,{10 * step},0.1,1,1\n" for step in (1, 2, 3)]
        (run / "history.csv").write_text(HISTORY + "".join(rows))

    monkeypatch.setattr(replicas.subprocess, "run", played)
    plan = {"batch": 8, "updates": 5, "readings": 2}
    alone = replicas.measured("net", 1, **plan, synced=False, gpu=False)
    # The first reading compiles.
    assert alone == {
        "replicas": 1,
        "sync_batch_norm": False,
        "images_per_second": [20.0, 30.0],
    }
    replicas.measured("net", 2, **plan, synced=True, gpu=False)
    replicas.measured("net", 3, **plan, synced=True, gpu=True)
    (one, _), (two, _), (three, devices) = commands
    assert "--train_steps=15" in one and "launch" not in one
    assert "--workers=2" in two and "--sync_batch_norm=true" in two
    assert ("--strategy=mirrored" in three, "launch" in three) == (True, False)
    assert devices == "0,1,2"
