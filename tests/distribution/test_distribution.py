"""The same network results from any devices and processes."""

import re
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import resnet_tf
from resnet_tf.checkpoints.files import read_json
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.sources import load_split
from resnet_tf.distribution import launcher
from resnet_tf.errors import StoppedError
from resnet_tf.runs.history import read_history
from resnet_tf.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
STEPS = 50
# Maximum distance of weights after 50 updates, as a share of the distance trained.
# Rounding errors grow with the rate and the steps, so the rate is low.
TOLERANCE = 0.025
SETTINGS = {
    "train_steps": STEPS,
    "train_batch_size": 16,
    "report_freq": 25,
    "steps_per_call": 25,
    "init_lr": 1e-4,
    "sync_batch_norm": True,
    "validation_size": 37,
}


@pytest.fixture(scope="module")
def config(tiny):
    """Returns a function from settings to the config of this module's runs."""
    return lambda **more: tiny(**{**SETTINGS, **more})


def trained(trainer):
    return [np.array(v) for v in trainer.model.trainable_variables]


def saved(folder):
    return [np.array(v) for v in load_checkpoint(folder).model.trainable_variables]


def distance(some, others):
    squares = [((a - b) ** 2).sum() for a, b in zip(some, others, strict=True)]
    return sum(squares) ** 0.5


def batches(config):
    train = load_split(config.data, "train")
    return training_batches(train, config.data, batch_size=16, seed=0)


def updated(trainer, iterator):
    """Returns the weights after all updates."""
    assert int(trainer.run(iterator, tf.constant(STEPS))) == STEPS
    return trained(trainer)


def mirrored(config):
    """Returns the weights trained by two logical devices."""
    # TensorFlow confuses the collectives of two strategies in one process.
    reduction = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], reduction)
    trainer = Trainer(config, strategy)
    parts = strategy.experimental_distribute_dataset(batches(config))
    return updated(trainer, iter(parts))


def launched(run_dir, **settings):
    settings = {**SETTINGS, "peer_timeout": 120, "run_dir": run_dir, **settings}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, str(ROOT / "train.py"), "--recipe=quickstart", *flags]
    return launcher.launch(command, 2, run_dir.with_suffix(".logs"))


def last_lines(run_dir):
    logs = sorted(run_dir.with_suffix(".logs").glob("worker-*.log"))
    # A killed worker can have an empty log.
    return [(log.read_text().splitlines() or [""])[-1] for log in logs]


def test_two_replicas_equal_one_device(config):
    trainer = Trainer(config(), tf.distribute.get_strategy())
    start = trained(trainer)
    one = updated(trainer, iter(batches(config())))
    two = mirrored(config())
    way = distance(one, start)
    assert distance(one, two) < TOLERANCE * way
    # Normalizing each half of the batch separately gives a different network.
    apart = mirrored(config(sync_batch_norm=False))
    assert distance(one, apart) > 4 * TOLERANCE * way


@pytest.mark.slow  # Two processes that import TensorFlow.
def test_two_processes_equal_one_device(config, tmp_path):
    folder = tmp_path / "one"
    alone = resnet_tf.train(config(strategy="one"), folder)
    start = trained(Trainer(config(), tf.distribute.get_strategy()))
    run_dir = tmp_path / "run"
    assert launched(run_dir) == 0
    one, two = saved(folder), saved(run_dir)
    assert distance(one, two) < TOLERANCE * distance(one, start)
    summary = read_json(run_dir / "summary.json")
    assert (summary["num_replicas"], summary["num_workers"]) == (2, 2)
    assert (alone["num_replicas"], alone["num_workers"]) == (1, 1)
    # The number is odd: no image counts twice, and none is skipped.
    assert (summary["n_validation"], summary["n_test"]) == (37, 360)
    assert summary["test_error"] == pytest.approx(alone["test_error"], abs=1)
    # Only the chief writes, and both have the same weights.
    digest = summary["weights_sha256"]
    assert last_lines(run_dir) == [
        f"worker {index} of 2: SHA-256 of the weights {digest}" for index in range(2)
    ]
    assert len(list((run_dir / "tensorboard").iterdir())) == 1
    rows, others = (read_history(path / "history.csv") for path in (run_dir, folder))
    assert [row.step for row in rows] == [25, 50]
    for row, other in zip(rows, others, strict=True):
        assert row.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert row.validation_loss == pytest.approx(other.validation_loss, rel=1e-2)


@pytest.mark.slow  # Three trainings, two of them in processes that import TensorFlow.
def test_a_lost_worker_ends_the_job_and_one_process_resumes(
    config, tmp_path, capfd, monkeypatch
):
    long = {"train_steps": 5000, "report_freq": 5, "steps_per_call": 5}
    run_dir = tmp_path / "run"
    started = []
    start = launcher._start

    def kill_after_a_checkpoint():
        while not list((run_dir / "checkpoints").glob("step-*[0-9]")):
            if started[1:] and started[1].process.poll() is not None:
                return  # It has failed by itself.
            time.sleep(0.05)
        started[1].process.kill()

    def noted(*arguments):
        started.append(start(*arguments))
        return started[-1]

    monkeypatch.setattr(launcher, "_start", noted)
    thread = threading.Thread(target=kill_after_a_checkpoint)
    thread.start()
    code = launched(run_dir, **long)
    thread.join()
    assert code == 7
    out, err = capfd.readouterr()
    assert "worker 1 of 2 was killed by signal 9; all are ended" in err
    survivor = last_lines(run_dir)[0]
    assert survivor.startswith("error: worker 0 of 2 lost another one: ")
    assert survivor.endswith("the same command resumes from the last checkpoint")
    assert "Traceback" not in out
    newest = max(int(path.name[5:]) for path in run_dir.glob("checkpoints/step-*[0-9]"))
    with pytest.raises(StoppedError) as caught:
        resnet_tf.train(config(**long), run_dir, until=newest + 2)
    assert caught.value.step == newest + 2
    resumed = re.search(r"resuming from step (\d+)", capfd.readouterr().out)
    assert int(resumed[1]) == newest
