"""Full or unwritable disks: the error is one line, and the run can resume later."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import resnet_tf
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.errors import RunFolderError, StoppedError
from resnet_tf.runs.equal import compare
from tests.bare import bare

ROOT = Path(__file__).parents[2]
slow = pytest.mark.slow
pytestmark = pytest.mark.usefixtures("bare")


def refuse(monkeypatch, name, error):
    """Makes the disk fail when a file of this name is flushed."""
    flush = os.fsync

    def failing(descriptor):
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).name == name:
            raise OSError(error, os.strerror(error))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", failing)


@pytest.fixture(scope="module")
def straight(tiny, tmp_path_factory):
    """The folder of a run without a fault."""
    folder = tmp_path_factory.mktemp("straight")
    with bare():
        resnet_tf.train(tiny(train_steps=5, report_freq=2), folder)
    return folder


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("history.csv", errno.ENOSPC),
        ("state.index", errno.ENOSPC),
        pytest.param("partial.model.weights.h5", errno.ENOSPC, marks=slow),
        pytest.param("partial.metrics.json", errno.EROFS, marks=slow),
        pytest.param("step-00000004.partial", errno.EDQUOT, marks=slow),
    ],
)
def test_a_disk_fault_keeps_saved_files(
    tiny, tmp_path, straight, monkeypatch, name, error
):
    config = tiny(train_steps=5, report_freq=2)

    def fail_from_now_on(step):
        if step == 4:
            refuse(monkeypatch, name, error)

    with pytest.raises(RunFolderError) as caught:
        resnet_tf.train(config, tmp_path / "broken", on_call=fail_from_now_on)
    monkeypatch.undo()
    assert f"cannot be written: {os.strerror(error)}; what was" in str(caught.value)
    states = tmp_path / "broken" / "checkpoints"
    assert [path.name for path in states.iterdir()] == ["step-00000002"]
    assert not list((tmp_path / "broken").glob("**/partial.*"))
    saved = load_checkpoint(tmp_path / "broken").metrics["step"]
    assert saved == (2 if "history" in name or "partial.m" in name else 4)
    resnet_tf.train(config, tmp_path / "broken")
    result = compare(straight, tmp_path / "broken")
    assert result["equal"]


def test_a_disk_that_is_full_from_the_beginning(tiny, tmp_path, monkeypatch):
    refuse(monkeypatch, "partial.config.json", errno.ENOSPC)
    with pytest.raises(RunFolderError, match="cannot be written: No space left"):
        resnet_tf.train(tiny(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == []


def test_leftovers_are_removed_at_the_start(tiny, tmp_path):
    with pytest.raises(StoppedError):
        resnet_tf.train(tiny(train_steps=2), tmp_path, until=1)
    for name in ("partial.model.weights.h5", "best/partial.metrics.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "checkpoints" / "step-00000009.partial").mkdir()
    for name in (
        "partial.thesis.txt",
        "best/partial.png",
        "checkpoints/step-1.partial",
    ):
        (tmp_path / name).touch()
    resnet_tf.train(tiny(train_steps=2), tmp_path)
    left = [path.name for path in tmp_path.glob("**/*") if "partial" in path.name]
    assert sorted(left) == ["partial.png", "partial.thesis.txt", "step-1.partial"]


@slow  # Each is a process that imports TensorFlow and trains.
@pytest.mark.parametrize("room", [100_000, 400_000])
def test_a_disk_fault_is_one_line(tmp_path, room):
    """No file can grow beyond `room` bytes: the weights fail, or the state."""
    code = (
        "import resource, runpy, sys; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, -1)); "
        "sys.argv = ['train.py', '--recipe=quickstart', '--train_steps=1', "
        "'--train_batch_size=16', '--run_dir=run']; "
        f"sys.path.insert(0, {str(ROOT)!r}); "
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.returncode == 6, answer.stderr
    assert answer.stderr.startswith("error: run folder run cannot be written: ")
    assert answer.stderr.count("\n") == 1
    assert not [path for path in tmp_path.glob("**/*") if "partial" in path.name]
