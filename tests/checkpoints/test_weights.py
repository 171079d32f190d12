import json

import h5py
import numpy as np
import pytest

from resnet_tf import build_model
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.config import differences
from resnet_tf.errors import CheckpointError


@pytest.fixture
def config(tiny):
    return tiny()


@pytest.fixture
def folder(config, tmp_path):
    """A checkpoint whose weights and statistics have all moved."""
    model = build_model(config.model)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    save_checkpoint(tmp_path / "c", model, config, {"step": 3})
    return tmp_path / "c"


def test_a_checkpoint_describes_itself(folder, config, images):
    checkpoint = load_checkpoint(folder)
    assert differences(checkpoint.config, config) == {}
    assert checkpoint.metrics["step"] == 3
    generator = np.random.default_rng(0)
    for weight in checkpoint.model.weights:
        expected = generator.uniform(0.5, 1.5, weight.shape).astype("float32")
        np.testing.assert_array_equal(weight, expected)


def test_the_folder_holds_three_files_and_no_leftovers(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "metrics.json",
        "model.weights.h5",
    ]


def test_plain_keras_reads_the_weights(folder, config, images):
    model = build_model(config.model)
    model.load_weights(folder / "model.weights.h5")
    np.testing.assert_array_equal(model(images), load_checkpoint(folder).model(images))


def test_another_precision_loads_the_same_weights(folder, images):
    full = load_checkpoint(folder)
    half = load_checkpoint(folder, dtype="mixed_bfloat16")
    for one, other in zip(full.model.weights, half.model.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def _reseal(folder):
    """Makes the stated SHA-256 that of the weights, so that later checks count."""
    import hashlib

    digest = hashlib.sha256((folder / "model.weights.h5").read_bytes()).hexdigest()
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["weights_sha256"] = digest
    (folder / "metrics.json").write_text(json.dumps(metrics))


def _flip(folder):
    path = folder / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(folder):
    path = folder / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:-1000])
    _reseal(folder)


def _missing_weight(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
    _reseal(folder)


def _extra_weight(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        file["layers/dense/vars/2"] = np.zeros(3)
    _reseal(folder)


def _other_shape(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(9)
    _reseal(folder)


def _setting(section, name, value):
    def harm(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config[section][name] = value
        path.write_text(json.dumps(config))

    return harm


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_flip, "must have the SHA-256 that metrics.json states"),
        (_cut, "cannot be read"),
        (_missing_weight, "the first that differs is layers/dense/vars/1"),
        (_extra_weight, "the first that differs is layers/dense/vars/2"),
        (_other_shape, "the first that differs is layers/dense/vars/1"),
        (_setting("model", "num_residual_blocks", 2), "weights of resnet14"),
        (_setting("model", "num_residual_blocks", 0), "must be at least 1, received 0"),
        (_setting("model", "widen", 2), "unknown setting 'widen'"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "must hold a JSON object"),
        (lambda f: (f / "config.json").unlink(), "config.json is missing"),
        (lambda f: (f / "metrics.json").unlink(), "metrics.json is missing"),
        (lambda f: (f / "model.weights.h5").unlink(), "model.weights.h5 is missing"),
    ],
)
def test_what_is_wrong_is_one_clear_line(folder, harm, message):
    harm(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)
