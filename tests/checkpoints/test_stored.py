"""A checkpoint is opened once, by every reader that needs all of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import resnet_tf
from resnet_tf import build_model
from resnet_tf.checkpoints import files
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.errors import CheckpointError
from resnet_tf.evaluation.evaluate import subject

NAMES = ["config.json", "metrics.json", "model.weights.h5"]


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    config, folder = tiny(), tmp_path_factory.mktemp("saved") / "c"
    save_checkpoint(folder, build_model(config.model), config, {"step": 3})
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test can change."""
    return Path(shutil.copytree(saved, tmp_path / "c"))


@pytest.fixture
def opened(folder, monkeypatch):
    """The names of the files of the checkpoint that were opened."""
    names, open_file = [], files._opened

    def counted(path: Path, most: int):
        names.append(path.name)
        return open_file(path, most)

    monkeypatch.setattr(files, "_opened", counted)
    return names


def test_each_file_is_read_once(folder, opened):
    found = open_checkpoint(folder)
    model = load_checkpoint(found).model
    assert sorted(opened) == NAMES
    assert found.metrics["step"] == 3 and found.weights.path == folder / NAMES[2]
    assert len(found.weights.shapes) == len(model.weights)


@pytest.mark.parametrize("command", ["evaluate", "load", "predict", "initialize"])
def test_a_reader_opens_a_checkpoint_once(folder, opened, tiny, tmp_path, command):
    if command == "evaluate":
        resnet_tf.evaluate(folder)
    elif command == "load":
        resnet_tf.load_pretrained(folder)
    elif command == "predict":
        from PIL import Image

        from resnet_tf.evaluation.predict import predict_files

        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "x.png")
        assert list(predict_files(folder, [tmp_path / "x.png"]))[0].error is None
    else:
        from resnet_tf.checkpoints.initial import initialize

        config = tiny(init_from=str(folder))
        initialize(build_model(config.model), config)
    assert sorted(opened) == NAMES


def test_what_was_opened_is_used_whatever_becomes_of_the_folder(folder):
    """A run saves other settings and weights, or the folder goes away."""
    kernel = load_checkpoint(folder).model.weights[0].numpy()
    found = subject(folder)
    shutil.rmtree(folder)
    assert found.images("test").name == "test"
    weight = load_checkpoint(found.stored).model.weights[0].numpy()
    np.testing.assert_array_equal(weight, kernel)


def test_a_changed_weight_is_refused_before_tensorflow_is_needed(folder, monkeypatch):
    content = bytearray((folder / NAMES[2]).read_bytes())
    content[-1] ^= 1
    (folder / NAMES[2]).write_bytes(content)
    from resnet_tf.evaluation import evaluate

    monkeypatch.setattr(evaluate, "import_tensorflow", lambda: pytest.fail("imported"))
    with pytest.raises(CheckpointError, match="must have the SHA-256 that metrics"):
        resnet_tf.evaluate(folder)
