"""Every reader gets damaged files: a short form of `mutations.py`."""

import itertools
import json
from collections import Counter

import pytest

from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.errors import CheckpointError
from resnet_tf.models import build_model
from tests.reliability.mutants import checkpoints, foreign, records, tally
from tests.reliability.mutants.changes import FLIP, TRUNCATION, Change, changes, edits
from tests.reliability.mutants.tally import Reader, mutate

TRUNCATIONS, FLIPS = 3, 12


def test_the_damages():
    found = list(changes(100, 30, 200, "seed"))
    assert found == list(changes(100, 30, 200, "seed"))
    assert found != list(changes(100, 30, 200, "other"))
    kinds = Counter(change.kind for change in found)
    assert kinds == {TRUNCATION: 30, FLIP: 200}
    content = bytes(range(100))
    for change in found:
        harmed = change(content)
        if change.kind == TRUNCATION:
            assert harmed == content[: change.at] and len(harmed) < 100
        else:
            differing = [i for i in range(100) if harmed[i] != content[i]]
            assert differing == [change.at] and len(harmed) == 100
    assert Change(FLIP, 1, 0x81)(b"\x00\x01") == b"\x00\x80"


@pytest.fixture
def answer(tmp_path):
    """Returns a function that damages a file once and reads it with `read`."""
    path = tmp_path / "file"
    path.write_bytes(b"content")

    def make(read, other=None):
        reader = Reader("a", read, {"saved": tally.SAME}, [path], other)
        found = mutate(reader, path, 0, 1, 0)
        assert path.read_bytes() == b"content"
        return found["answers"], bool(found["findings"])

    return make


def _raises(error):
    def read():
        raise error

    return read


def test_what_counts_as_a_finding(answer):
    refusal = _raises(CheckpointError("cannot be read"))
    assert answer(refusal) == ({"refused, exit code 4": 1}, False)
    assert answer(lambda: "saved") == ({"the same": 1}, False)
    assert answer(lambda: "x") == ({"other weights": 1}, True)
    assert answer(lambda: "x", "other values") == ({"other values": 1}, False)
    assert answer(_raises(KeyError())) == ({"traceback of KeyError": 1}, True)
    lines = _raises(CheckpointError("two\nlines"))
    assert answer(lines) == ({"an error of many lines": 1}, True)


def test_a_slow_or_large_answer_is_a_finding(answer, monkeypatch):
    monkeypatch.setattr(tally, "SLOW_SECONDS", -1.0)
    assert answer(lambda: "saved") == ({"the same": 1}, True)
    monkeypatch.undo()
    monkeypatch.setattr(tally, "LARGEST_GROWTH", -1)
    assert answer(lambda: "saved") == ({"the same": 1}, True)


def test_no_reader_accepts_a_damaged_file_as_whole(tiny, tmp_path):
    config = tiny()
    save_checkpoint(tmp_path / "c", build_model(config.model), config, {"step": 3})
    work = tmp_path / "work"
    work.mkdir()
    answers = {}
    own = checkpoints.readers(tmp_path / "c", work)
    for reader in itertools.chain(own, foreign.readers(work)):
        for path in reader.files:
            found = mutate(reader, path, TRUNCATIONS, FLIPS, seed=1)
            assert found["findings"] == {}, f"{reader.name}, {path.name}"
            assert sum(found["answers"].values()) == TRUNCATIONS + FLIPS
            answers[reader.name, path.name] = found["answers"]
    every = TRUNCATIONS + FLIPS
    for name in ("model.weights.h5", "config.json"):
        assert answers["checkpoint folder", name] == {"refused, exit code 4": every}
    for name in ("manifest.json", "notes.json", "state.index"):
        assert answers["state of a run", name] == {"the state before": every}
    for name in ("cache.json", "images.npy", "labels.npy"):
        assert answers["decoded images", name] == {"the same": every}
    assert {name for name, _ in answers} == {
        "checkpoint folder", "weights alone", "state of a run", "PyTorch, zip",
        "PyTorch, legacy", "TensorFlow 1", "Keras file", "CIFAR-10, Python",
        "CIFAR-10, binary", "CIFAR-10, archive", "decoded images", "image, PNG",
        "image, JPEG", "image, WEBP", "image, TIFF",
    }  # fmt: skip


def test_edits_change_one_value():
    content = json.dumps({"a": 1, "b": {"c": [2, 3]}}).encode()
    found = [edit(content) for edit in edits(content, 200, "seed")]
    assert found == [edit(content) for edit in edits(content, 200, "seed")]
    assert {b'{"b": {"c": [2, 3]}}', b'{"a": null, "b": {"c": [2, 3]}}'} <= set(found)
    table = b"step,epoch\r\n1,2\r\n"
    rows = {edit(table) for edit in edits(table, 200, "seed")}
    assert {b"step,epoch\r\nfast,2\r\n", b"step,nan\r\n1,2\r\n"} <= rows


def test_no_damaged_record_ends_in_a_traceback(tmp_path):
    answers = {}
    for reader in records.readers(tmp_path):
        for path in reader.files:
            found = mutate(reader, path, 10, 40, 2, edited=70)
            assert found["findings"] == {}, f"{reader.name}, {path.name}"
            assert sum(found["answers"].values()) == 120
            answers[reader.name, path.name] = found["answers"]
    assert [name for _, name in answers] == [
        "summary.json", "history.csv", "metrics.json", "config.json", "summary.json",
        "config.json", "history.csv", "export.json",
    ]  # fmt: skip
    for (reader, _), counts in answers.items():
        refused = counts.get("refused, exit code 4", 0)
        assert (refused == 0) == (reader == "history, on resume")
