import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from resnet_tf.config import DataConfig
from resnet_tf.data import tfds_source
from resnet_tf.data.sources import ensure_available, load_split
from resnet_tf.errors import DataError
from tests.conftest import FAKE_TEST, FAKE_TRAIN


@pytest.fixture
def config(fake_cifar, tmp_path) -> DataConfig:
    return DataConfig(
        data_dir=fake_cifar,
        cache_dir=str(tmp_path / "cache"),
        validation_size=16,
        download=False,
    )


@pytest.fixture
def own_copy(config, tmp_path) -> DataConfig:
    """The fake data set in a folder that a test can damage."""
    shutil.copytree(config.data_dir, tmp_path / "own")
    return dataclasses.replace(config, data_dir=str(tmp_path / "own"))


def _record(config: DataConfig, split: str) -> Path:
    folder = Path(config.data_dir) / "cifar10" / "3.0.2"
    return folder / f"cifar10-{split}.tfrecord-00000-of-00001"


def test_images_come_in_their_official_order(config):
    train, validation, test = (
        load_split(config, name) for name in ("train", "validation", "test")
    )
    assert (len(train), len(validation), len(test)) == (80, 16, FAKE_TEST)
    indices = np.concatenate([train.images, validation.images])[:, 0, 0, 0]
    np.testing.assert_array_equal(indices, np.arange(FAKE_TRAIN))
    np.testing.assert_array_equal(validation.labels, np.arange(80, 96) % 10)
    assert train.class_names[3] == "cat"


def test_the_second_start_decodes_nothing(config, monkeypatch):
    load_split(config, "train")
    monkeypatch.setattr(tfds_source, "_decode", None)
    assert len(load_split(config, "train")) == 80


def test_training_does_not_touch_the_test_images(own_copy):
    _record(own_copy, "test").unlink()
    assert len(load_split(own_copy, "train")) == 80
    with pytest.raises(DataError, match=r"incomplete: no file cifar10-test\.\*"):
        load_split(own_copy, "test")


def test_a_changed_source_replaces_the_cache(own_copy):
    load_split(own_copy, "test")
    cache = Path(own_copy.cache_dir) / "cifar10-test" / "cache.json"
    before = cache.read_text()
    os.utime(_record(own_copy, "test"), ns=(1, 1))
    load_split(own_copy, "test")
    assert cache.read_text() != before
    assert len(list(cache.parent.parent.iterdir())) == 1


def test_leftovers_next_to_the_data_are_ignored(own_copy):
    folder = Path(own_copy.data_dir) / "cifar10"
    for name in ("3.0.2.incompleteAB12CD", "backup"):
        (folder / name).mkdir()
        (folder / name / "dataset_info.json").write_text("{}")
    assert len(load_split(own_copy, "test")) == FAKE_TEST


def test_versions_are_compared_as_numbers(tmp_path):
    for version in ("3.0.2", "3.0.10", "3.0.9"):
        folder = tmp_path / "cifar10" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}")
    config = DataConfig(data_dir=str(tmp_path))
    assert tfds_source.prepared_version(config) == "3.0.10"


@pytest.mark.parametrize("content", ["", "{", '{"name": 3}'])
def test_a_damaged_description_is_one_line(own_copy, content):
    folder = Path(own_copy.data_dir) / "cifar10" / "3.0.2"
    (folder / "dataset_info.json").write_text(content)
    with pytest.raises(DataError, match="cannot be read: .*prepare it again"):
        load_split(own_copy, "test")


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_record_is_named(own_copy, harm):
    path = _record(own_copy, "test")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if harm == "flip" else content[:-100])
    with pytest.raises(DataError, match="cannot be read: .*prepare it again"):
        load_split(own_copy, "test")


def test_too_large_a_validation_split(config):
    with pytest.raises(DataError, match="holds 96 training images here"):
        load_split(dataclasses.replace(config, validation_size=96), "train")


def test_labels_out_of_range_are_refused(config, monkeypatch):
    images = np.zeros((2, 32, 32, 3), np.uint8)
    labels = np.array([0, 10], np.int32)
    monkeypatch.setattr(tfds_source, "_decode", lambda *_: (images, labels))
    with pytest.raises(DataError, match="labels of cifar10 must be 0 to 9"):
        load_split(config, "test")


def test_missing_data_without_download(tmp_path):
    config = DataConfig(data_dir=str(tmp_path), download=False)
    with pytest.raises(DataError) as caught:
        ensure_available(config)
    message = str(caught.value)
    assert "\n" not in message and str(tmp_path) in message
    for way in ("--data_dir=DIR", "--nodownload", "--dataset=digits"):
        assert way in message


def test_missing_data_without_network(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_source, "answers", lambda host: False)
    with pytest.raises(DataError, match="www.cs.toronto.edu does not answer"):
        ensure_available(DataConfig(data_dir=str(tmp_path)))


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_source, "answers", lambda host: True)

    class Builder:
        version = "3.0.2"

        def download_and_prepare(self):
            raise ConnectionError("reset\nby peer")

    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds, "builder", lambda *_, **__: Builder())
    with pytest.raises(DataError, match=r"the download failed \(reset by peer\)"):
        load_split(DataConfig(data_dir=str(tmp_path)), "train")


def test_the_search_path_of_data(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/from/environment")
    assert tfds_source.data_dir(DataConfig()) == Path("/from/environment")
    assert tfds_source.data_dir(DataConfig(data_dir="/given")) == Path("/given")
    monkeypatch.delenv("TFDS_DATA_DIR")
    home = Path.home() / "tensorflow_datasets"
    assert tfds_source.data_dir(DataConfig()) == home


def test_digits_need_nothing():
    ensure_available(DataConfig(dataset="digits", data_dir="/nowhere", download=False))


def test_the_coarse_labels(tmp_path, monkeypatch):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    folder = tmp_path / "cifar100" / "3.0.2"
    folder.mkdir(parents=True)
    for name in ("dataset_info.json", "cifar100-train.x", "cifar100-test.x"):
        (folder / name).write_text("{}")
    columns = {
        "id": ["b", "a"],
        "image": np.zeros((2, 32, 32, 3), np.uint8),
        "label": np.array([50, 99]),
        "coarse_label": np.array([19, 3]),
    }
    asked = []

    class Builder:
        def __init__(self, name, data_dir):
            asked.append(name)

        def as_dataset(self, **_):
            return tf.data.Dataset.from_tensor_slices(columns)

    monkeypatch.setattr(tfds, "builder", Builder)
    for name, labels in (("cifar100_coarse", [3, 19]), ("cifar100", [99, 50])):
        config = DataConfig(
            dataset=name, data_dir=str(tmp_path), cache_dir=str(tmp_path / "c")
        )
        split = load_split(config, "test")
        assert split.labels.tolist() == labels
        assert len(split.class_names) == (20 if name.endswith("coarse") else 100)
    assert asked == ["cifar100:3.0.2"] * 2
