import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from resnet_tf import build_model
from resnet_tf.checkpoints.half import write_half
from resnet_tf.checkpoints.weights import (
    load_checkpoint,
    replace_weights,
    save_checkpoint,
)
from resnet_tf.errors import CheckpointError


@pytest.fixture(scope="module")
def saved(tiny, tmp_path_factory):
    config = tiny()
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


@pytest.fixture
def half(folder, tmp_path):
    path = tmp_path / "half.weights.h5"
    write_half(folder / "model.weights.h5", path)
    return path


def contents(path):
    """Returns the weights and the attributes of groups by name."""
    weights, notes = {}, {}

    def note(name, item):
        notes[name] = dict(item.attrs)
        if isinstance(item, h5py.Dataset):
            weights[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(note)
    return weights, notes


def test_kernels_are_rounded_and_vectors_stay(folder, half):
    old, notes = contents(folder / "model.weights.h5")
    new, kept = contents(half)
    assert kept == notes and list(new) == list(old)
    for name, value in old.items():
        dtype = "float16" if value.ndim > 1 else "float32"
        assert new[name].dtype == dtype, name
        np.testing.assert_array_equal(new[name], value.astype(dtype))
    size = (folder / "model.weights.h5").stat().st_size
    # 75,290 parameters, of them 73,882 in kernels, and the overhead of HDF5.
    assert size - half.stat().st_size > 140_000


def test_a_checkpoint_accepts_half_weights(folder, half):
    before = load_checkpoint(folder)
    replace_weights(folder, half)
    assert not half.exists()
    after = load_checkpoint(folder)
    assert after.metrics["step"] == 3
    assert after.metrics["weights_sha256"] != before.metrics["weights_sha256"]
    for old, new in zip(before.model.weights, after.model.weights, strict=True):
        expected = old.numpy()
        if expected.ndim > 1:
            expected = expected.astype("float16").astype("float32")
        assert new.dtype == "float32"
        np.testing.assert_array_equal(new, expected, err_msg=new.path)


def test_half_weights_are_loaded_strictly(folder, half):
    with h5py.File(half, "r+") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.zeros((64, 9), "float16")
    replace_weights(folder, half)
    with pytest.raises(CheckpointError, match="differs is layers/dense/vars/0"):
        load_checkpoint(folder)


def test_weights_that_are_too_large(folder, tmp_path):
    path = folder / "model.weights.h5"
    with h5py.File(path, "r+") as file:
        file["layers/dense/vars/0"][0, 0] = 1e5
    with pytest.raises(CheckpointError, match="at most 65504 .* 100000 in /layers/d"):
        write_half(path, tmp_path / "half.weights.h5")
