"""Runs that are extended to more updates."""

import shutil

import pytest

import resnet_tf
from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.errors import CheckpointError, StoppedError
from resnet_tf.runs.equal import compare
from resnet_tf.runs.extend import extends
from tests.bare import bare

SCHEDULE = {
    "schedule": "step",
    "warmup_fraction": 0.0,
    "decay_step0": 3,
    "decay_step1": 100,
    # The average and the slow weights go on too.
    "ema_decay": 0.9,
    "lookahead": 3,
}


@pytest.fixture(scope="module")
def made(tiny):
    def make(**settings):
        return tiny(**{**SCHEDULE, **settings})

    return make


@pytest.fixture(scope="module")
def finished(made, tmp_path_factory):
    """The folder of a run of four updates; copy it before changing it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    with bare():
        resnet_tf.train(made(), folder)
    return folder


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ({"train_steps": 6}, True),
        ({"train_steps": 6, "decay_step1": 4}, True),
        ({"train_steps": 6, "decay_step1": 3}, False),
        ({"train_steps": 6, "decay_step0": 2}, False),
        ({"train_steps": 6, "warmup_fraction": 0.5}, False),
        ({"train_steps": 6, "seed": 1}, False),
        ({"train_steps": 6, "ema_decay": 0.8}, False),
        ({"train_steps": 3}, False),
        ({"decay_step1": 50}, False),
        ({}, False),
    ],
)
def test_what_extends_a_run(made, settings, answer):
    assert extends(made(), made(**settings)) == answer


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_a_rate_that_depends_on_the_length(tiny, schedule):
    one, other = (tiny(schedule=schedule, train_steps=steps) for steps in (4, 6))
    assert not extends(one, other)


def test_a_warmup_that_grows_with_the_run_changes_the_rates(made):
    one, other = (made(warmup_fraction=0.5, train_steps=steps) for steps in (4, 6))
    assert not extends(one, other)


@pytest.mark.usefixtures("bare")
def test_a_finished_run_extends_to_the_same_bits(made, finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    config = made(train_steps=6, decay_step1=5)
    with pytest.raises(StoppedError):
        resnet_tf.train(config, run, until=5)
    assert not (run / "summary.json").exists()
    # The weights of the shorter run are intact, and their metrics match the new config.
    kept = read_config(finished / "config.json").train.kernels
    assert open_checkpoint(run).config.to_dict() == config.with_kernels(kept).to_dict()
    assert resnet_tf.train(config, run)["step"] == 6
    resnet_tf.train(config, tmp_path / "straight")
    result = compare(run, tmp_path / "straight")
    assert result["differing"] == [] and result["reports_equal"]
    with pytest.raises(CheckpointError, match="its updates cannot become fewer"):
        resnet_tf.train(made(), run)


def test_a_refused_extension_says_how_to_continue(made, tiny, finished, tmp_path):
    start = rf"give another --run_dir, and --init_from={finished} to start from its"
    with pytest.raises(CheckpointError, match=rf"\(16 there, 32 here\); {start}"):
        resnet_tf.train(made(train_batch_size=32), finished)
    message = "give another --run_dir, or resume this one with --num_residual_blocks=1$"
    with pytest.raises(CheckpointError, match=message):
        resnet_tf.train(made(num_residual_blocks=2), finished)
    config = {"schedule": "cosine", "report_freq": 4}
    with pytest.raises(StoppedError):
        resnet_tf.train(tiny(**config), tmp_path, until=1)
    message = "rates of updates that are done would change under --schedule=cosine; "
    with pytest.raises(CheckpointError, match=message):
        resnet_tf.train(tiny(train_steps=6, **config), tmp_path)
