"""Stopped and resumed runs are equal, bit for bit, to runs without a stop."""

import dataclasses
import os
import shutil
import signal
from threading import Event

import numpy as np
import pytest
import tensorflow as tf

import resnet_tf
from resnet_tf.checkpoints.files import read_json
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.errors import CheckpointError, RunFolderError, SettingError, StoppedError
from resnet_tf.runs.equal import compare
from resnet_tf.runs.history import read_history
from resnet_tf.training import loop
from resnet_tf.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("bare")
END = 5


def settings(**more):
    """Seven updates; the tests do five, with reports after the second and fourth."""
    return {"train_steps": 7, "report_freq": 2, **more}


def stop(config, folder, step):
    """Trains up to `step` and stops there, as after a signal."""
    with pytest.raises(StoppedError) as caught:
        resnet_tf.train(config, folder, until=step)
    assert (caught.value.step, caught.value.exit_code) == (step, 75)
    return str(caught.value)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Returns a function from settings to the folder of a run in one leg."""
    made = {}

    def run(tiny, **more):
        key = tuple(more.items())
        if key not in made:
            made[key] = tmp_path_factory.mktemp("straight")
            stop(tiny(**settings(**more)), made[key], END)
        return made[key]

    return run


def assert_equal(one, other):
    result = compare(one, other)
    assert result["differing"] == [] and result["reports_equal"]
    # Weights, slots, metrics of each replica, and the step.
    assert (result["step"], result["variables"] > 60) == (END, True)
    assert len(set(result["sha256"].values())) > 20


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("precision", "strategy"),
    [
        ("float32", "one"),
        pytest.param("bfloat16", "mirrored", marks=slow),
        pytest.param("bfloat16", "one", marks=slow),
        pytest.param("float16", "one", marks=slow),
        pytest.param("float32", "mirrored", marks=slow),
        pytest.param("float16", "mirrored", marks=slow),
    ],
)
def test_stopped_runs_are_equal(tiny, tmp_path, straight, precision, strategy):
    """Stops between two reports, and at a report."""
    more = {"mixed_precision": precision, "strategy": strategy}
    for step in (1, 4, END):
        message = stop(tiny(**settings(**more)), tmp_path, step)
        assert message.startswith(f"stopped after step {step} of 7, which is saved in")
    assert_equal(straight(tiny, **more), tmp_path)


def test_the_time_of_all_legs_is_summed(tiny, tmp_path):
    config = tiny(train_steps=5, report_freq=3)
    stop(config, tmp_path, 2)
    state = tmp_path / "checkpoints" / "step-00000002" / "notes.json"
    before = read_json(state)
    assert before["seconds"] >= before["training_seconds"] > 0
    stop(config, tmp_path, 4)
    (row,) = read_history(tmp_path / "history.csv")
    assert row.seconds > before["seconds"]
    assert row.images_per_second < 3 * 16 / before["training_seconds"]


def test_stopping_at_the_current_step(tiny, tmp_path):
    config = tiny()
    stop(config, tmp_path, 1)
    with pytest.raises(StoppedError, match="stopped after step 1 of 4"):
        resnet_tf.train(config, tmp_path, until=1)
    with pytest.raises(SettingError, match="until must be at least 1, received 0"):
        resnet_tf.train(config, tmp_path, until=0)


def test_until_the_end_is_the_whole_run(tiny, tmp_path):
    assert resnet_tf.train(tiny(train_steps=1), tmp_path, until=9)["step"] == 1


def test_a_signal_stops_a_long_call_after_an_update(tiny, tmp_path, monkeypatch):
    """The input of the fourth update sends the signal and waits until it is heard."""
    config = tiny(train_steps=5000, report_freq=5000, steps_per_call=5000)
    batches, ask, heard = loop.training_batches, Trainer.ask_to_stop, Event()

    def asked(trainer):
        ask(trainer)
        heard.set()

    def send(number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard.wait(600)
        return number

    def sending(number, batch):
        sent = tf.numpy_function(send, [number], tf.int64)
        with tf.control_dependencies([sent]):
            return tf.nest.map_structure(tf.identity, batch)

    def interrupting(*args, **kwargs):
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        data = batches(*args, **kwargs).enumerate().map(sending)
        return data.with_options(options)

    monkeypatch.setattr(Trainer, "ask_to_stop", asked)
    monkeypatch.setattr(loop, "training_batches", interrupting)
    with pytest.raises(StoppedError) as caught:
        resnet_tf.train(config, tmp_path)
    assert caught.value.step == 4
    assert (tmp_path / "checkpoints" / "step-00000004").is_dir()
    assert not read_history(tmp_path / "history.csv")


@pytest.mark.parametrize(
    ("where", "step"),
    [((Trainer, "prepare"), 0), ((loop.FullPass, "__call__"), 2)],
)
def test_a_signal_interrupts_work_that_changes_nothing(
    tiny, tmp_path, straight, monkeypatch, where, step
):
    """Building the graph, and validation, which can each take long."""
    config = tiny(**settings())
    with monkeypatch.context() as patch:
        patch.setattr(*where, interrupted)
        with pytest.raises(StoppedError) as caught:
            resnet_tf.train(config, tmp_path)
    assert caught.value.step == step
    stop(config, tmp_path, END)
    assert_equal(straight(tiny), tmp_path)


def test_a_signal_interrupts_the_last_evaluation(tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "summarize", interrupted)
        with pytest.raises(StoppedError, match="stopped after step 1 of 1"):
            resnet_tf.train(tiny(train_steps=1), tmp_path)
    assert resnet_tf.train(tiny(train_steps=1), tmp_path)["step"] == 1


def interrupted(*args):
    os.kill(os.getpid(), signal.SIGTERM)
    Event().wait(600)


def test_a_kill_in_a_report_that_was_due_at_a_stop(
    tiny, tmp_path, straight, monkeypatch
):
    """The row is saved but not its state, so the report is repeated."""
    config = tiny(**settings())
    stop(config, tmp_path, 2)

    def killed(self, *args):
        raise ZeroDivisionError

    for place in ("_save", "_save_state"):
        with monkeypatch.context() as patch:
            patch.setattr(loop.Run, place, killed)
            with pytest.raises(ZeroDivisionError):
                resnet_tf.train(config, tmp_path)
        assert [row.step for row in read_history(tmp_path / "history.csv")] == [2]
    stop(config, tmp_path, END)
    assert_equal(straight(tiny), tmp_path)


def test_reports_without_their_checkpoints_are_refused(tiny, tmp_path, straight):
    run = shutil.copytree(straight(tiny), tmp_path / "run")
    for state in (run / "checkpoints").iterdir():
        state.rename(run / state.name)
    with pytest.raises(CheckpointError, match="has reports up to step 4, received no"):
        resnet_tf.train(tiny(**settings()), run)
    assert [row.step for row in read_history(run / "history.csv")] == [2, 4]


def test_a_lost_report_is_refused(tiny, tmp_path, straight):
    run = shutil.copytree(straight(tiny), tmp_path / "run")
    history = run / "history.csv"
    history.write_bytes(b"".join(history.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(RunFolderError, match="up to step 4, received those up to"):
        resnet_tf.train(tiny(**settings()), run)


def test_the_number_of_kept_checkpoints(tiny, tmp_path):
    config = tiny(train_steps=9, report_freq=1, keep_checkpoints=3)
    stop(config, tmp_path, 5)
    found = sorted(path.name[-1] for path in (tmp_path / "checkpoints").iterdir())
    assert found == ["3", "4", "5"]
    assert "keep_checkpoints" not in config.to_dict()["train"]


@slow
def test_deterministic_runs_differ_only_in_speed(tiny, tmp_path):
    from tensorflow.python.framework import config as framework

    config = tiny(deterministic=True, strategy="mirrored", mixed_precision="bfloat16")
    try:
        for name in ("one", "other"):
            resnet_tf.train(config, tmp_path / name)
        assert framework.is_op_determinism_enabled()
    finally:
        framework.disable_op_determinism()
    rows = [read_history(tmp_path / name / "history.csv") for name in ("one", "other")]
    for one, other in zip(*rows, strict=True):
        assert len(one.weights_sha256) == 64
        pace = {"seconds": 0.0, "images_per_second": 0.0}
        assert dataclasses.replace(one, **pace) == dataclasses.replace(other, **pace)
    assert len({row.weights_sha256 for row in rows[0]}) == 2


def test_a_profile_changes_no_bit(tiny, tmp_path, straight):
    stop(tiny(**settings(profile_steps=(1, 3))), tmp_path, END)
    assert_equal(straight(tiny), tmp_path)
    assert len(list(tmp_path.glob("tensorboard/plugins/profile/*/*.xplane.pb"))) == 1


@pytest.mark.parametrize(
    ("precision", "strategy"),
    [
        ("float32", "one"),
        pytest.param("bfloat16", "one", marks=slow),
        pytest.param("float16", "one", marks=slow),
        pytest.param("float16", "mirrored", marks=slow),
    ],
)
def test_stopped_runs_are_equal_with_every_trick(
    tiny, tmp_path, straight, precision, strategy
):
    """Stops between two moves of the average and of Lookahead."""
    more = {
        "accumulate": 4,
        "optimizer": "muon",
        "bias_rate_factor": 2.0,
        "ema_decay": 0.5,
        "ema_every": 2,
        "lookahead": 2,
        "mixed_precision": precision,
        "strategy": strategy,
    }
    stop(tiny(**settings(**more)), tmp_path, 3)
    stop(tiny(**settings(**more)), tmp_path, END)
    assert_equal(straight(tiny, **more), tmp_path)
    # The last report, at step 4, saved the averages of that state.
    state = tf.train.load_checkpoint(tmp_path / "checkpoints/step-00000004/state")
    for number, weight in enumerate(load_checkpoint(tmp_path).model.weights):
        name = f"optimizer/average/copies/{number}/.ATTRIBUTES/VARIABLE_VALUE"
        np.testing.assert_array_equal(state.get_tensor(name), weight)


def test_the_average_starts_from_loaded_weights(tiny, tmp_path, monkeypatch):
    def load(model, _):
        model.set_weights([np.full(weight.shape, 2.0) for weight in model.weights])

    monkeypatch.setattr(loop, "initialize", load)
    rows = []
    config = {"init_from": "somewhere", "ema_decay": 0.9, "init_lr": 1e-30}
    resnet_tf.train(
        tiny(train_steps=1, report_freq=1, **config),
        tmp_path,
        on_report=lambda row, model: rows.append((row, model)),
    )
    ((row, model),) = rows
    assert row.validation_loss > 0
    for weight in model.trainable_weights:
        np.testing.assert_allclose(weight, np.full(weight.shape, 2.0), rtol=1e-6)
