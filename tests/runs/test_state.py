import errno
import hashlib
import os
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.errors import CheckpointError
from resnet_tf.runs.state import RunState, fault, hashes


class Counter(tf.Module):
    def __init__(self, shape=()):
        super().__init__()
        self.value = tf.Variable(tf.zeros(shape))


@pytest.fixture
def saved(tmp_path):
    """A folder with the states of steps 10, 20 and 30, two of which are kept."""
    counter = Counter()
    state = RunState(tmp_path, keep=2, counter=counter)
    for step in (10, 20, 30):
        counter.value.assign(step)
        state.save(step)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def _restore(folder):
    counter = Counter()
    step = RunState(folder, counter=counter).restore()
    assert float(counter.value) == step
    return step


def test_the_newest_states_stay(saved):
    assert names(saved) == ["step-00000020", "step-00000030"]
    assert _restore(saved) == 30


def test_nothing_to_restore(tmp_path):
    assert _restore(tmp_path / "missing") == 0


@pytest.mark.parametrize(
    "name", ["state.index", "state.data-00000-of-00001", "manifest.json"]
)
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_state_is_skipped(saved, name, harm, capsys):
    path = saved / "step-00000030" / name
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes(content if harm == "flip" else content[:-3])
    assert _restore(saved) == 20
    said = capsys.readouterr().out
    assert said.startswith(f"skipping {saved / 'step-00000030'}: ")
    assert (name if harm == "remove" else ".") in said


def test_a_run_never_starts_over_silently(saved):
    for state in saved.iterdir():
        (state / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match="none of the 2 states") as caught:
        _restore(saved)
    assert "(step-00000020: manifest.json does not name notes.json)" in str(
        caught.value
    )


def test_leftovers_are_removed(saved):
    shutil.copytree(saved / "step-00000030", saved / "step-00000040.partial")
    assert _restore(saved) == 30
    assert not (saved / "step-00000040.partial").exists()


@pytest.mark.parametrize("state", ["step-00000020", "step-00000030", "step-9.partial"])
def test_files_of_the_user_stay(saved, state):
    (saved / state).mkdir(exist_ok=True)
    (saved / state / "thesis.txt").write_text("mine")
    counter = Counter()
    again = RunState(saved, keep=1, counter=counter)
    again.restore()
    counter.value.assign(40)
    again.save(40)
    assert (saved / state / "thesis.txt").read_text() == "mine"
    assert _restore(saved) == 40


def test_a_state_is_not_replaced_over_a_file_of_the_user(saved):
    (saved / "step-00000030" / "thesis.txt").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        RunState(saved, counter=Counter()).save(30)
    assert (saved / "step-00000030" / "thesis.txt").read_text() == "mine"


def test_the_state_of_another_run_is_refused(saved):
    with pytest.raises(CheckpointError, match="the state of another run"):
        RunState(saved, counter=Counter(shape=(2,))).restore()
    with pytest.raises(CheckpointError, match="the state of another run"):
        RunState(saved, other=Counter()).restore()


def test_other_files_are_not_states(saved):
    (saved / "checkpoint").write_text("\x00 garbage")
    (saved / "step-latest").mkdir()
    assert _restore(saved) == 30


def test_a_file_that_the_manifest_does_not_name_is_a_fault(saved):
    assert fault(saved / "step-00000030") == ""
    (saved / "step-00000030" / "more").touch()
    reason = "manifest.json does not name more"
    assert fault(saved / "step-00000030") == reason
    assert _restore(saved) == 20


def test_only_intact_states_count_as_kept(saved):
    (saved / "step-00000030" / "state.index").unlink()
    counter = Counter()
    state = RunState(saved, keep=2, counter=counter)
    assert state.restore() == 20
    counter.value.assign(40.0)
    state.save(40)
    kept = ["step-00000020", "step-00000030", "step-00000040"]
    assert names(saved) == kept
    state.save(50)
    assert names(saved) == ["step-00000040", "step-00000050"]


def test_only_a_damaged_state_is_written_again(saved):
    counter = Counter()
    state = RunState(saved, counter=counter)
    state.save(30)
    assert _restore(saved) == 30
    (saved / "step-00000030" / "state.index").write_bytes(b"")
    counter.value.assign(30.0)
    state.save(30)
    assert fault(saved / "step-00000030") == "" and _restore(saved) == 30


def test_notes_are_saved_with_a_state(saved):
    state = RunState(saved, counter=Counter())
    assert state.newest is None
    state.save(40, seconds=1.5)
    other = RunState(saved, counter=Counter())
    assert other.restore() == 40
    assert other.notes == {"seconds": 1.5}
    assert other.newest == saved / "step-00000040"


def test_states_without_notes_are_read(saved):
    folder = saved / "step-00000030"
    (folder / "notes.json").unlink()
    manifest = (folder / "manifest.json").read_text().splitlines(keepends=True)
    kept = [line for line in manifest if "notes.json" not in line]
    (folder / "manifest.json").write_text("".join(kept))
    assert _restore(saved) == 30


@pytest.mark.parametrize("name", ["partial.manifest.json", "state.index", "notes.json"])
def test_a_full_disk_keeps_the_last_state(saved, monkeypatch, name):
    flush = os.fsync

    def full(descriptor):
        if os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")) == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        RunState(saved, counter=Counter()).save(40)
    assert names(saved) == ["step-00000020", "step-00000030"]
    assert _restore(saved) == 30


@pytest.mark.parametrize("room", [0, 1, 50, 100, 200, 400])
def test_an_interrupted_write_keeps_the_last_state(saved, room):
    """Files cannot grow beyond `room` bytes, as on a full disk."""
    state = RunState(saved, counter=Counter(shape=(200,)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError):
            state.save(40)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(saved) == ["step-00000020", "step-00000030"]
    assert _restore(saved) == 30


def test_the_hash_covers_the_bytes(saved):
    expected = hashlib.sha256(np.float32(30).tobytes()).hexdigest()
    assert hashes(saved / "step-00000030") == {"counter/value": expected}
    (saved / "step-00000030" / "state.index").unlink()
    with pytest.raises(CheckpointError, match="state.index is missing"):
        hashes(saved / "step-00000030")
