import shutil

import pytest
import tensorflow as tf

from resnet_tf.checkpoints.run_state import RunState
from resnet_tf.errors import CheckpointError


class Counter(tf.Module):
    def __init__(self, shape=()):
        super().__init__()
        self.value = tf.Variable(tf.zeros(shape))


@pytest.fixture
def saved(tmp_path):
    """A folder with the states of steps 10, 20 and 30, of which two stay."""
    counter = Counter()
    state = RunState(tmp_path, keep=2, counter=counter)
    for step in (10, 20, 30):
        counter.value.assign(step)
        state.save(step)
    return tmp_path


def _restore(folder):
    counter = Counter()
    step = RunState(folder, counter=counter).restore()
    assert float(counter.value) == step
    return step


def test_the_newest_states_stay(saved):
    assert sorted(x.name for x in saved.iterdir()) == ["step-00000020", "step-00000030"]
    assert _restore(saved) == 30


def test_nothing_to_restore(tmp_path):
    assert _restore(tmp_path / "missing") == 0


@pytest.mark.parametrize(
    "name", ["state.index", "state.data-00000-of-00001", "manifest.json"]
)
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_state_is_passed_over(saved, name, harm, capsys):
    path = saved / "step-00000030" / name
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes(content if harm == "flip" else content[:-3])
    assert _restore(saved) == 20
    assert "passing over" in capsys.readouterr().out


def test_a_run_never_starts_over_silently(saved):
    for state in saved.iterdir():
        (state / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match="none of the 2 states"):
        _restore(saved)


def test_leftovers_are_removed(saved):
    shutil.copytree(saved / "step-00000030", saved / "step-00000040.partial")
    assert _restore(saved) == 30
    assert not (saved / "step-00000040.partial").exists()


def test_the_state_of_another_run_is_refused(saved):
    with pytest.raises(CheckpointError, match="the state of another run"):
        RunState(saved, counter=Counter(shape=(2,))).restore()
    with pytest.raises(CheckpointError, match="the state of another run"):
        RunState(saved, other=Counter()).restore()
