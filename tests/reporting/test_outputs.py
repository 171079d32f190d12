"""Tests the output for people: progress lines, curves and TensorBoard."""

import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.progress import Progress, duration
from resnet_tf.reporting.provenance import provenance
from resnet_tf.reporting.tensorboard import TensorBoard
from tests.runs.test_history import row


def test_a_progress_line(capsys):
    progress = Progress(train_steps=40, start_step=0, n_validation=180)
    progress.report(row(10, 12.5))
    line = capsys.readouterr().out
    for part in (
        "step 10/40",
        "loss 0.1000",
        "train error 50.00 %",
        "validation error 12.50 % (n = 180)",
        "rate 0.1",
        "1,000 images/s",
        "left\n",
    ):
        assert part in line


def test_no_live_line_without_a_terminal(capsys):
    Progress(40, 0, 0).moved(5, 100.0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (3900, "1 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("error", [None, 20.0])
def test_curves_are_drawn(tmp_path, error):
    path = tmp_path / "curves.png"
    plot_curves(path, [row(10, error), row(20, error)], "title")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 10_000


def test_scalars_are_written_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    board = TensorBoard(tmp_path)
    board.append(row(10, 30.0))
    board.close()
    monkeypatch.undo()
    events = EventAccumulator(str(tmp_path), {"tensors": 0}).Reload()
    assert events.PluginTagToContent("scalars").keys() >= {"train_loss"}


def test_an_unwritable_folder_raises_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        TensorBoard(tmp_path / "file" / "folder")


def test_tensorboard_reads_the_scalars(tmp_path):
    board = TensorBoard(tmp_path)
    board.append(row(10, 30.0))
    board.append(row(20))
    board.close()
    events = EventAccumulator(str(tmp_path), {"tensors": 0}).Reload()
    assert "validation_error" in events.Tags()["tensors"]
    steps = [event.step for event in events.Tensors("train_loss")]
    assert steps == [10, 20]
    assert [event.step for event in events.Tensors("validation_error")] == [10]


def test_provenance_names_versions_and_machine():
    facts = provenance()
    assert facts["versions"]["tensorflow"].startswith("2.")
    assert facts["machine"]["cores"] >= 1
    assert set(facts) == {"versions", "commit", "machine"}
