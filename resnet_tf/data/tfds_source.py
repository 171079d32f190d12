"""CIFAR from TensorFlow Datasets (TFDS): found, downloaded and decoded."""

import functools
import hashlib
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from resnet_tf.config import DataConfig
from resnet_tf.data import cifar_files
from resnet_tf.data.cache import Arrays
from resnet_tf.data.host import answers
from resnet_tf.data.split import DataSource
from resnet_tf.disk import user_path
from resnet_tf.errors import DataError, MissingDataError

HOST = "www.cs.toronto.edu"
_INFO = "dataset_info.json"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


class Prepared(NamedTuple):
    """The names of a data set and its labels in TensorFlow Datasets."""

    name: str
    label: str = "label"


_PREPARED = {
    "cifar10": Prepared("cifar10"),
    "cifar100": Prepared("cifar100"),
    "cifar100_coarse": Prepared("cifar100", "coarse_label"),
}


def data_dir(config: DataConfig) -> Path:
    """Returns `data_dir`, else `$TFDS_DATA_DIR`, else the default of TFDS."""
    given = config.data_dir or os.environ.get("TFDS_DATA_DIR")
    return user_path(given or "~/tensorflow_datasets")


def cifar(config: DataConfig) -> DataSource:
    """Returns the source of CIFAR.

    This is data prepared by TFDS if present, else the official files if present, else
    TFDS, which downloads them.

    Raises:
        DataError: If `data_dir` is a file but not an official archive.
    """
    if prepared_version(config) is None:
        path = cifar_files.find(config.dataset, data_dir(config))
        if path is not None:
            return cifar_files.OfficialFiles(config, path)
    return TfdsSource(config)


class TfdsSource(DataSource):
    """CIFAR as prepared by TensorFlow Datasets."""

    def ensure_available(self) -> None:
        config = self.config
        if prepared_version(config) is not None:
            return
        _refuse_half_prepared(config)
        if str(data_dir(config)).startswith("~"):
            raise MissingDataError(_no_data(config, "there is no such home folder"))
        if not config.download:
            raise MissingDataError(_no_data(config, "download is off"))
        if not answers(HOST):
            raise MissingDataError(_no_data(config, f"{HOST} does not answer"))

    def official(self, test: bool) -> int:
        return cifar_files.NUM_TEST if test else cifar_files.NUM_TRAIN

    def identity(self, test: bool) -> str:
        self.ensure_available()
        return _identity(self.config, self._version, _split(test))

    def decode(self, test: bool) -> Arrays:
        return _decode(self.config, self._version, _split(test))

    @functools.cached_property
    def _version(self) -> str:
        return prepared_version(self.config) or _download(self.config)


def _split(test: bool) -> str:
    return "test" if test else "train"


def prepared_version(config: DataConfig) -> str | None:
    """Returns the newest version whose description is on disk, or None."""
    home = data_dir(config) / _prepared(config)
    versions = [v for v in _versions(home) if os.path.isfile(home / v / _INFO)]
    return max(versions, key=lambda v: [int(n) for n in v.split(".")], default=None)


def _prepared(config: DataConfig) -> str:
    """Returns the name of the data set in TFDS."""
    return _PREPARED[config.dataset].name


def _versions(home: Path) -> list[str]:
    try:
        return sorted(filter(_VERSION.fullmatch, os.listdir(home)))
    except OSError:  # missing or not readable
        return []


def _refuse_half_prepared(config: DataConfig) -> None:
    home = data_dir(config) / _prepared(config)
    if versions := _versions(home):
        missing = home / versions[-1] / _INFO
        raise MissingDataError(
            f"dataset {config.dataset} is incomplete: {missing} is missing; remove "
            f"{missing.parent} or prepare it again"
        )


def _no_data(config: DataConfig, reason: str) -> str:
    names = ", ".join(cifar_files.official_names(config.dataset))
    return (
        f"dataset {config.dataset} is not in {data_dir(config)} and {reason}: give "
        "--data_dir=DIR (or TFDS_DATA_DIR) with the data prepared by TFDS, "
        f"{_prepared(config)}/VERSION/{_INFO} with its records, or one of the official "
        f"{names}; or run once online without --nodownload; or use --dataset=digits, "
        "which needs no data"
    )


def _download(config: DataConfig) -> str:
    import tensorflow_datasets as tfds

    print(f"downloading {config.dataset} to {data_dir(config)}", flush=True)
    builder = tfds.builder(_prepared(config), data_dir=data_dir(config))
    try:
        builder.download_and_prepare()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MissingDataError(
            _no_data(config, f"the download failed ({reason})")
        ) from error
    return str(builder.version)


def _identity(config: DataConfig, version: str, split: str) -> str:
    """Returns the SHA-256 of the description and the file facts of the split."""
    folder = data_dir(config) / _prepared(config) / version
    facts = [config.dataset, version, split, str(folder.resolve())]
    records = _records(folder, _prepared(config), split)
    try:
        facts.append((folder / _INFO).read_text("utf-8", "replace"))
        for path in records:
            stat = path.stat()
            facts.append(f"{path.name} {stat.st_size} {stat.st_mtime_ns}")
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _records(folder: Path, dataset: str, split: str) -> list[Path]:
    """Returns the files of a split.

    Raises:
        DataError: If there are no files.
    """
    if not (records := sorted(folder.glob(f"{dataset}-{split}.*"))):
        raise MissingDataError(
            f"dataset {dataset} is incomplete: no file {dataset}-{split}.* in {folder}"
        )
    return records


def _decode(config: DataConfig, version: str, split: str) -> Arrays:
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    read = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    try:
        builder = tfds.builder(
            f"{_prepared(config)}:{version}", data_dir=data_dir(config)
        )
        examples = builder.as_dataset(split=split, read_config=read)
        batches = list(tfds.as_numpy(examples.batch(1000)))
        label = _PREPARED[config.dataset].label
        columns = {
            name: np.concatenate([batch[name] for batch in batches])
            for name in ("id", "image", label)
        }
    except Exception as error:  # each kind of damage raises a different error
        reason = " ".join(str(error).split())[:300]
        folder = data_dir(config) / _prepared(config) / version
        files = _records(folder, _prepared(config), split)
        raise DataError(
            f"dataset {config.dataset} ({', '.join(map(str, files))}) cannot be read: "
            f"{reason}; prepare it again"
        ) from error
    order = np.argsort(columns["id"], kind="stable")
    return columns["image"][order], columns[label][order].astype(np.int32)
