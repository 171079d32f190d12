import dataclasses
import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from resnet_tf import data
from resnet_tf.config import DATASETS, DataConfig
from resnet_tf.config.datasets import Dataset
from resnet_tf.data import cifar_files, sources
from resnet_tf.data.sources import (
    dataset_info,
    ensure_available,
    load_split,
    load_splits,
    require_classes,
)
from resnet_tf.errors import DataError, SettingError
from tests.data.test_cifar_files import (
    TEST,
    TRAIN,
    images_and_labels,
    pack,
    write_folder,
)


@pytest.fixture
def small_cifar(monkeypatch):
    """Makes official files of 20 and 6 images complete."""
    monkeypatch.setattr(cifar_files, "NUM_TRAIN", TRAIN)
    monkeypatch.setattr(cifar_files, "NUM_TEST", TEST)


@pytest.fixture
def folder(tmp_path):
    """Thirty images of 20x24 in three classes."""
    for name in ("ant", "bee", "cat"):
        (tmp_path / name).mkdir()
        for index in range(10):
            pixels = np.full((20, 24, 3), index * 20, np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize("version", ["cifar-10-batches-py", "cifar-10-batches-bin"])
def test_the_official_files_are_a_source_of_cifar(small_cifar, tmp_path, version):
    write_folder(tmp_path, version)
    config = DataConfig(
        data_dir=str(tmp_path),
        cache_dir=str(tmp_path / "cache"),
        download=False,
        validation_size=5,
    )
    ensure_available(config)
    images, labels = images_and_labels("cifar10", test=False)
    train, validation = load_split(config, "train"), load_split(config, "validation")
    np.testing.assert_array_equal(train.images, images[:15])
    np.testing.assert_array_equal(validation.labels, labels[15:])
    images, _ = images_and_labels("cifar10", test=True)
    np.testing.assert_array_equal(load_split(config, "test").images, images)
    assert train.class_names[:2] == ("airplane", "automobile")
    assert (tmp_path / "cache" / "cifar10-train" / "images.npy").exists()


def test_prepared_data_is_preferred_to_the_official_files(fake_cifar, tmp_path):
    config = DataConfig(data_dir=fake_cifar, cache_dir=str(tmp_path), validation_size=0)
    write_folder(tmp_path, "cifar-10-batches-py")
    assert len(load_split(config, "train")) == 96


def test_a_folder_of_images(folder, tmp_path):
    info = dataset_info("folder", str(folder))
    assert (info.num_classes, info.num_train, info.validation_size) == (3, 27, 3)
    config = DataConfig(
        dataset="folder",
        data_dir=str(folder),
        cache_dir=str(tmp_path / ".cache"),
        validation_size=info.validation_size,
    )
    ensure_available(config)
    splits = [load_split(config, name) for name in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [24, 3, 3]
    for split in splits:
        assert split.class_names == ("ant", "bee", "cat")
        assert split.images.shape[1:] == (32, 32, 3)
        require_classes(split, 3)
    with pytest.raises(DataError, match="network's 10 classes, received 3"):
        require_classes(splits[0], 10)
    require_classes(splits[0], 3, ["ant", "bee", "cat"])
    message = "class 1 of the data must be the network's, 'cat', received 'bee'"
    with pytest.raises(DataError, match=message):
        require_classes(splits[0], 3, ["ant", "cat", "bee"])


def test_a_folder_is_stored_at_the_resized_size(folder, tmp_path):
    config = DataConfig(
        dataset="folder",
        data_dir=str(folder),
        cache_dir=str(tmp_path / ".cache"),
        validation_size=0,
        image_size=32,
        resize=40,
    )
    assert load_split(config, "test").images.shape == (3, 40, 40, 3)


def test_a_folder_must_be_named():
    with pytest.raises(SettingError, match="data_dir must be given for dataset=folder"):
        dataset_info("folder", None)
    with pytest.raises(DataError):
        dataset_info("folder", "/nowhere/at/all")
    assert dataset_info("cifar10", None) is None
    assert dataset_info(None, None) is None


def test_an_unofficial_number_of_images_is_noted(fake_cifar, tmp_path, capsys):
    config = DataConfig(data_dir=fake_cifar, cache_dir=str(tmp_path), validation_size=9)
    assert len(load_split(config, "train")) == 87
    assert len(load_split(config, "validation")) == 9
    assert len(load_split(config, "test")) == 37
    assert capsys.readouterr().out == (
        "note: cifar10 holds 96 train images here, not the official 50,000\n"
        "note: cifar10 holds 37 test images here, not the official 10,000\n"
    )


def test_a_run_reads_the_training_images_once(
    fake_cifar, tmp_path, monkeypatch, capsys
):
    config = DataConfig(data_dir=fake_cifar, cache_dir=str(tmp_path), validation_size=9)
    expected = [load_split(config, name) for name in ("train", "validation", "test")]
    said, read = capsys.readouterr().out, []
    load = sources._load
    monkeypatch.setattr(sources, "_load", lambda *a: read.append(a) or load(*a))
    for split, other in zip(load_splits(config), expected, strict=True):
        assert split.name == other.name
        np.testing.assert_array_equal(split.images, other.images)
        np.testing.assert_array_equal(split.labels, other.labels)
    assert [(source.config, test) for source, test in read] == [
        (config, False),
        (config, True),
    ]
    assert capsys.readouterr().out == said


def test_a_half_extracted_folder_is_named(small_cifar, tmp_path, capsys):
    archive = pack(write_folder(tmp_path, "cifar-10-batches-py"))
    (tmp_path / "cifar-10-batches-py").mkdir()
    config = DataConfig(
        data_dir=str(tmp_path), cache_dir=str(tmp_path / "c"), validation_size=5
    )
    load_splits(config)
    folder = tmp_path / "cifar-10-batches-py"
    assert capsys.readouterr().out.splitlines() == [
        f"note: {folder} is incomplete: {archive} is used"
    ]


NEW = """
import numpy as np
from resnet_tf.data.split import DataSource


class Stripes(DataSource):
    def identity(self, test):
        return f"stripes {test}"

    def decode(self, test):
        images = np.zeros((4 if test else 10, 32, 32, 3), np.uint8)
        return images, np.arange(len(images), dtype=np.int32) % 2
"""


def test_a_new_data_set_is_one_module_and_one_row(tmp_path, monkeypatch):
    (tmp_path / "stripes.py").write_text(NEW)
    monkeypatch.setattr(data, "__path__", [*data.__path__, str(tmp_path)])
    info = dataclasses.replace(DATASETS["digits"].info, num_classes=2, num_train=10)
    row = Dataset("stripes:Stripes", info, ("across", "along"))
    monkeypatch.setitem(DATASETS, "stripes", row)
    config = SimpleNamespace(
        dataset="stripes",
        data_dir=None,
        cache_dir=str(tmp_path / "cache"),
        stored_side=32,
        validation_size=3,
    )
    ensure_available(config)
    assert [len(split) for split in load_splits(config)] == [7, 3, 4]
    assert load_split(config, "validation").class_names == ("across", "along")
    assert (tmp_path / "cache" / "stripes-train" / "images.npy").is_file()


def test_a_folder_is_listed_once(folder, tmp_path, monkeypatch):
    listed, scandir = [], os.scandir
    monkeypatch.setattr(
        os, "scandir", lambda path: listed.append(path) or scandir(path)
    )
    config = DataConfig(
        dataset="folder",
        data_dir=str(folder),
        cache_dir=str(tmp_path / ".cache"),
        validation_size=3,
    )
    load_splits(config)
    names = [os.path.relpath(path, folder) for path in listed]
    assert sorted(name for name in names if not name.startswith(".c")) == [
        ".",
        "ant",
        "bee",
        "cat",
    ]


def test_the_cache_is_hashed_once_per_start(fake_cifar, tmp_path, monkeypatch):
    hashed, digest = [], hashlib.file_digest

    def counted(file, *rest):
        path = Path(file.name)
        hashed.append(f"{path.parent.name.partition('.')[0]}/{path.name}")
        return digest(file, *rest)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    config = DataConfig(data_dir=fake_cifar, cache_dir=str(tmp_path), validation_size=9)
    for _ in range(2):
        load_splits(config)
        assert sorted(hashed) == [
            f"cifar10-{split}/{name}.npy"
            for split in ("test", "train")
            for name in ("images", "labels")
        ]
        hashed.clear()
