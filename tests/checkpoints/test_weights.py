import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from resnet_tf import build_model, disk
from resnet_tf.checkpoints import stored, weights
from resnet_tf.checkpoints.weights import (
    load_checkpoint,
    load_weights_strictly,
    save_checkpoint,
)
from resnet_tf.config import differences
from resnet_tf.disk import sha256
from resnet_tf.errors import CheckpointError


@pytest.fixture(scope="module")
def config(tiny):
    return tiny()


@pytest.fixture(scope="module")
def saved(config, tmp_path_factory):
    """A checkpoint with weights and statistics that all changed."""
    model = build_model(config.model)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(generator.uniform(0.5, 1.5, weight.shape))
    folder = tmp_path_factory.mktemp("saved") / "c"
    save_checkpoint(folder, model, config, {"step": 3})
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test can change."""
    return Path(shutil.copytree(saved, tmp_path / "c"))


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


def test_a_full_disk_keeps_the_old_files(folder, tiny, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = tiny(seed=1)
    monkeypatch.setattr(disk, "flush", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(folder, build_model(other.model), other, {"step": 4})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


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
    """Updates the stated SHA-256 values, so that later checks are reached."""
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["weights_sha256"] = sha256(folder / "model.weights.h5")
    metrics["config_sha256"] = sha256(folder / "config.json")
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
        file["layers/dense/vars/2"] = np.zeros(3, "float32")
    _reseal(folder)


def _other_shape(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = np.zeros(9, "float32")
    _reseal(folder)


def _not_finite(folder):
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        file["layers/dense/vars/1"][3] = np.nan
    _reseal(folder)


def _setting(section, name, value, reseal=True):
    def harm(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config[section][name] = value
        path.write_text(json.dumps(config))
        if reseal:
            _reseal(folder)

    return harm


def _metrics(text):
    def harm(folder):
        (folder / "metrics.json").write_text(text)

    return harm


LARGEST = {"model": "densenet", "depth": 1000, "growth_rate": 1000}


def _largest(folder):
    """Writes a config of a network of terabytes."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    kept = {k: config["model"][k] for k in ("num_classes", "bn_momentum", "bn_epsilon")}
    kept["kernel_initializer"] = config["model"]["kernel_initializer"]
    config["model"] = {**LARGEST, "compression": 1.0, **kept}
    path.write_text(json.dumps(config))
    _reseal(folder)


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
        (_setting("model", "num_residual_blocks", 9), "the 857,082 numbers of"),
        (
            _setting("model", "bn_epsilon", 0.5, reseal=False),
            "config.json must have",
        ),
        (_setting("data", "data_dir", "/"), "unknown setting 'data_dir'"),
        (_largest, "at most 500,000,000 parameters"),
        (_not_finite, "weights must be finite, layers/dense/vars/1 is not"),
        (_metrics("{}"), "SHA-256 that metrics.json states, None"),
        (_metrics('{"a": 1, "a": 1}'), "metrics.json is not JSON as it must be"),
        (_metrics('{"weights_sha256": "x"}'), "must be 64 hexadecimal digits"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not JSON"),
        (lambda f: (f / "config.json").write_text("[]"), "must hold a JSON object"),
        (lambda f: (f / "config.json").unlink(), "config.json is missing"),
        (lambda f: (f / "metrics.json").unlink(), "metrics.json is missing"),
        (lambda f: (f / "model.weights.h5").unlink(), "model.weights.h5 is missing"),
    ],
)
def test_every_fault_is_one_clear_line(folder, harm, message):
    harm(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_earlier_versions_state_no_sha256_of_the_config(folder):
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["config_sha256"]
    path.write_text(json.dumps(metrics))
    assert load_checkpoint(folder).metrics == metrics


def test_a_pipe_in_the_place_of_a_file_is_not_read(folder):
    (folder / "metrics.json").unlink()
    os.mkfifo(folder / "metrics.json")
    with pytest.raises(CheckpointError, match=r"metrics\.json is missing"):
        load_checkpoint(folder)


def test_a_network_is_not_built_for_a_file_that_is_too_small(folder, monkeypatch):
    """Building a deep network takes minutes and gigabytes."""
    _setting("model", "num_residual_blocks", 1000)(folder)
    monkeypatch.setattr(weights, "build_model", lambda *_, **__: pytest.fail("built"))
    message = r"must hold the 97,\d{3},\d{3} numbers of ResNet-6002, received \d+,\d{3}"
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def test_the_bytes_that_are_verified_are_the_bytes_that_are_loaded(folder, monkeypatch):
    """A run saves other weights while the network is being built."""
    expected = [weight.numpy() for weight in load_checkpoint(folder).model.weights]
    config = load_checkpoint(folder).config
    build = weights.build_model

    def build_slowly(*args, **kwargs):
        save_checkpoint(folder, build(config.model), config, {"step": 4})
        return build(*args, **kwargs)

    monkeypatch.setattr(weights, "build_model", build_slowly)
    found = load_checkpoint(folder)
    assert found.metrics["step"] == 3
    for weight, old in zip(found.model.weights, expected, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("renamed", [["model.weights.h5"], ["metrics.json"]])
def test_a_reader_between_two_renames_reads_once_again(
    folder, config, tmp_path, monkeypatch, renamed
):
    save_checkpoint(tmp_path / "new", build_model(config.model), config, {"step": 4})
    for name in renamed:
        os.replace(tmp_path / "new" / name, folder / name)

    def finish_the_save(seconds):
        for path in (tmp_path / "new").iterdir():
            os.replace(path, folder / path.name)

    monkeypatch.setattr(stored.time, "sleep", finish_the_save)
    assert load_checkpoint(folder).metrics["step"] == 4


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json", "metrics.json"])
def test_a_huge_file_is_refused_before_it_is_read(folder, name, monkeypatch):
    monkeypatch.setattr(stored.hashlib, "sha256", lambda *_: pytest.fail("hashed"))
    with open(folder / name, "r+b") as file:
        file.truncate(30 << 30)  # a hole, it takes no room
    message = rf"{name} must have at most \d+ bytes, received 32212254720"
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def test_a_negative_variance_is_refused(folder, config):
    model = build_model(config.model)
    before = [weight.numpy() for weight in model.weights]
    changed = build_model(config.model)
    variance = next(w for w in changed.weights if w.name == "moving_variance")
    variance.assign(-np.ones(variance.shape))
    save_checkpoint(folder, changed, config, {})
    message = "must hold variances of at least 0, received -1 in .*moving_variance"
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)
    with pytest.raises(CheckpointError, match=message):
        load_weights_strictly(model, folder / "model.weights.h5")
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_refused_weights_leave_the_model_as_it_was(folder, config):
    model = build_model(config.model)
    before = [weight.numpy() for weight in model.weights]
    _not_finite(folder)
    with pytest.raises(CheckpointError):
        load_weights_strictly(model, folder / "model.weights.h5")
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
