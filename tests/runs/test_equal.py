import pytest
import tensorflow as tf

from resnet_tf.errors import CheckpointError
from resnet_tf.runs.equal import compare
from resnet_tf.runs.history import History, Row
from resnet_tf.runs.state import RunState


def make_run(folder, values, step=2, loss=1.0, seconds=1.0):
    folder.mkdir()
    variables = {name: tf.Variable(value) for name, value in values.items()}
    RunState(folder / "checkpoints", model=variables).save(step)
    History(folder / "history.csv", 0).append(Row(1, 0.1, seconds, 9.0, 0.1, loss, 0.0))


def test_runs_that_differ_only_in_pace_are_equal(tmp_path):
    make_run(tmp_path / "a", {"kernel": 1.0, "bias": 0.0})
    make_run(tmp_path / "b", {"kernel": 1.0, "bias": 0.0}, seconds=2.0)
    result = compare(tmp_path / "a", tmp_path / "b")
    assert result["equal"] and result["reports_equal"]
    assert (result["step"], result["variables"], result["differing"]) == (2, 2, [])
    assert list(result["sha256"]) == ["model/bias", "model/kernel"]


def test_one_differing_bit_is_found(tmp_path):
    make_run(tmp_path / "a", {"kernel": 1.0, "bias": 0.0})
    make_run(tmp_path / "b", {"kernel": 1.0, "bias": 1e-45})
    result = compare(tmp_path / "a", tmp_path / "b")
    assert not result["equal"] and result["differing"] == ["model/bias"]


def test_different_reports_are_found(tmp_path):
    make_run(tmp_path / "a", {"kernel": 1.0})
    make_run(tmp_path / "b", {"kernel": 1.0}, loss=1.5)
    result = compare(tmp_path / "a", tmp_path / "b")
    assert result["differing"] == []
    assert not result["reports_equal"] and not result["equal"]


def test_states_of_other_steps_cannot_be_compared(tmp_path):
    make_run(tmp_path / "a", {"kernel": 1.0})
    make_run(tmp_path / "b", {"kernel": 1.0}, step=3)
    with pytest.raises(CheckpointError, match="a state of one step, received"):
        compare(tmp_path / "a", tmp_path / "b")
    with pytest.raises(CheckpointError, match="must hold a state, received none"):
        compare(tmp_path / "a", tmp_path)
