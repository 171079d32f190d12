import json
import re

import numpy as np
import pytest

import resnet_tf
from resnet_tf.data.split import Split
from resnet_tf.errors import CheckpointError, StoppedError
from resnet_tf.runs import data as run_data
from resnet_tf.runs.data import RunData, require_same_data


def splits(**changes) -> list[Split]:
    """Returns three splits of two classes, in which all labels are 0, 1, 0, 1."""
    names = changes.get("names", ("ant", "bee"))
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3)).astype(np.uint8)
    labels = np.arange(12, dtype=np.int32) % 2
    images[changes.get("pixel", slice(0))] += 1
    labels[changes.get("label", slice(0))] ^= 1
    order = changes.get("order", range(12))
    whole = Split("train", images[list(order)], labels[list(order)], names)
    parts = (("train", 0, 6), ("validation", 6, 9), ("test", 9, 12))
    return [whole.part(*part) for part in parts]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": ("ant", "cat")}, "the classes differ"),
        ({"label": 0}, "train images of ant (3 there, 2 here), bee (3 there, 4 here)"),
        ({"label": 10}, "test images of ant (1 there, 0 here), bee (2 there, 3 here)"),
        ({"pixel": 5}, "train images differ in pixels, labels or file names"),
        ({"pixel": 7}, "validation images differ in pixels, labels or file names"),
        ({"order": [2, 1, 0, *range(3, 12)]}, "train images differ in pixels, labels"),
        ({"label": slice(0, 2)}, "train images differ in pixels, labels or file"),
    ],
)
def test_other_images_are_refused_and_named(tmp_path, monkeypatch, changes, reason):
    path = tmp_path / "data.json"
    RunData(path, splits()).keep()
    monkeypatch.setattr(run_data, "_CHUNK", 100)
    RunData(path, splits()).require_same()
    other = RunData(path, splits(**changes))
    with pytest.raises(CheckpointError, match=re.escape(reason)) as caught:
        other.require_same()
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    before = path.read_bytes()
    other.keep()
    assert path.read_bytes() == before


def test_another_teacher_is_refused(tmp_path):
    path = tmp_path / "data.json"
    RunData(path, splits(), "a1").keep()
    RunData(path, splits(), "a1").require_same()
    for teacher in ("b2", None):
        with pytest.raises(CheckpointError, match="the weights of the teacher differ"):
            RunData(path, splits(), teacher).require_same()


def test_a_run_of_an_earlier_version_has_no_record(tmp_path):
    RunData(tmp_path / "data.json", splits()).require_same()
    require_same_data(tmp_path / "data.json", None)


@pytest.mark.parametrize(
    "harm",
    [
        {},
        {"splits": 3},
        {"splits": {"train": {"per_class": [None, "x"]}}},
        {"splits": {"train": {"per_class": [3]}}},
        {"more": 1},
    ],
)
def test_a_damaged_record_is_refused(tmp_path, harm):
    path = tmp_path / "data.json"
    RunData(path, splits()).keep()
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **harm} if harm else {}))
    with pytest.raises(CheckpointError):
        RunData(path, splits()).require_same()


def test_many_classes_are_counted(tmp_path):
    names = tuple(f"c{n}" for n in range(12))
    image, path = np.zeros((12, 1, 1, 3), np.uint8), tmp_path / "data.json"
    labels = np.arange(12, dtype=np.int32)
    RunData(path, [Split("train", image, labels, names)]).keep()
    other = RunData(path, [Split("train", image, 0 * labels, names)])
    with pytest.raises(CheckpointError, match="c4 .1 there, 0 here. and 7 more clas"):
        other.require_same()


@pytest.mark.usefixtures("bare")
def test_a_run_refuses_to_resume_with_other_data(tiny, tmp_path, monkeypatch):
    run = tmp_path / "run"
    with pytest.raises(StoppedError):
        resnet_tf.train(tiny(), run, until=2)
    record = json.loads((run / "data.json").read_text())
    assert list(record["splits"]) == ["train", "validation", "test"]
    record["splits"]["train"]["per_class"][3] -= 8
    whole = (run / "data.json").read_text()
    (run / "data.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="train images of 3"):
        resnet_tf.train(tiny(), run)
    (run / "data.json").write_text(whole)
    summary = resnet_tf.train(tiny(), run)
    # This also holds for a finished run.
    (run / "data.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="train images of 3"):
        resnet_tf.train(tiny(), run)
    (run / "data.json").unlink()
    assert resnet_tf.train(tiny(), run) == summary


def test_a_finished_run_needs_no_data(tmp_path, tiny, capsys):
    path = tmp_path / "data.json"
    path.write_text("{}")
    config = resnet_tf.DataConfig(data_dir=str(tmp_path), cache_dir=str(tmp_path))
    require_same_data(path, config)
    assert capsys.readouterr().out.startswith("note: the images are not compared with")
    digits = resnet_tf.DataConfig(dataset="digits", flip=False)
    require_same_data(path, digits, str(tmp_path / "nowhere"))
    assert "teacher must be a checkpoint or run folder" in capsys.readouterr().out
