"""The loading of splits, as a `DataConfig` describes them."""

import importlib
import typing
from collections.abc import Sequence

from resnet_tf.config import DATASETS, DataConfig, DatasetInfo
from resnet_tf.data.cache import cached, split_folder
from resnet_tf.data.split import DataSource, Split, SplitName
from resnet_tf.errors import DataError, SettingError


def source_of(config: DataConfig) -> DataSource:
    """Returns the source that `DATASETS` names for a data set.

    Raises:
        DataError: If `data_dir` cannot hold the data set.
        SettingError: If `data_dir` is required and missing.
    """
    module, name = DATASETS[config.dataset].source.split(":")
    return getattr(importlib.import_module(f"resnet_tf.data.{module}"), name)(config)


def dataset_info(
    dataset: str | None, data_dir: str | None, folder_split: str = "class"
) -> DatasetInfo | None:
    """Returns the facts about a folder of images, None for a built-in data set.

    Args:
        dataset: A value of `DataConfig.dataset`, or None.
        data_dir: The folder of images, for "folder".
        folder_split: A value of `DataConfig.folder_split`.

    Raises:
        DataError: If the folder cannot be listed.
        SettingError: If no folder is given.
    """
    row = DATASETS.get(dataset)
    if row is None or not row.of_folders:
        return None
    where = {"data_dir": data_dir, "folder_split": folder_split}
    return source_of(DataConfig(dataset=dataset, validation_size=0, **where)).info()


def ensure_available(config: DataConfig) -> None:
    """Raises within seconds if the data set is missing and cannot be downloaded.

    Raises:
        DataError: If the data set is not available.
    """
    source_of(config).ensure_available()


def load_split(config: DataConfig, name: SplitName) -> Split:
    """Returns the images of one split, in their official order.

    The validation split is the last `validation_size` images of the official training
    set; the training split is the rest.

    Args:
        config: The data set and the size of the validation split.
        name: "train", "validation" or "test".

    Raises:
        DataError: If the data set is missing, incomplete or damaged.
        SettingError: If the split does not exist.
    """
    require_split(name)
    source = source_of(config)
    if name == "test":
        return _whole(source, test=True)
    return _parted(config, _whole(source, test=False, said=name == "train"))[name]


def load_splits(config: DataConfig) -> tuple[Split, Split, Split]:
    """Returns the training, validation and test images; each source is read once.

    Raises:
        DataError: If the data set is missing, incomplete or damaged.
    """
    source = source_of(config)
    parts = _parted(config, _whole(source, test=False))
    return parts["train"], parts["validation"], _whole(source, test=True)


def _whole(source: DataSource, test: bool, said: bool = True) -> Split:
    """Returns the official test images or all other images, as one checked split."""
    split = _load(source, test)
    _check(source.config, split)
    official = source.official(test)
    if said and official is not None and len(split) != official:
        print(
            f"note: {source.config.dataset} holds {len(split):,} {split.name} images "
            f"here, not the official {official:,}",
            flush=True,
        )
    return split


def _load(source: DataSource, test: bool) -> Split:
    for note in () if test else source.notes():
        print(f"note: {note}", flush=True)
    if not source.is_cached:
        images, labels = source.decode(test)
    else:
        folder, identity = split_folder(source.config, test), source.identity(test)
        images, labels = cached(folder, identity, lambda: source.decode(test))
    return Split("test" if test else "train", images, labels, source.class_names)


def _parted(config: DataConfig, split: Split) -> dict[str, Split]:
    """Returns the training and validation parts of the official training set."""
    border = len(split) - config.validation_size
    if border <= 0:
        raise DataError(
            f"dataset {config.dataset} holds {len(split)} training images here, "
            f"validation_size={config.validation_size} leaves none"
        )
    return {
        "train": split.part("train", 0, border),
        "validation": split.part("validation", border, len(split)),
    }


def require_split(name: str) -> None:
    """Raises unless the split exists.

    Raises:
        SettingError: If the name is unknown.
    """
    known = typing.get_args(SplitName)
    if name not in known:
        raise SettingError(
            f"split must be one of {', '.join(known)}, received {name!r}"
        )


def require_classes(
    split: Split, num_classes: int, names: Sequence[str] | None = None
) -> None:
    """Raises unless the split has the classes that the network was trained for.

    Args:
        split: The images.
        num_classes: Number of logits of the network.
        names: Class names in the order of the logits, None if unknown.

    Raises:
        DataError: If the split has other classes, or the same in another order.
    """
    if len(split.class_names) != num_classes:
        raise DataError(
            f"the data must have the network's {num_classes} classes, received "
            f"{len(split.class_names)}"
        )
    for label, (name, found) in enumerate(
        zip(names or (), split.class_names, strict=False)
    ):
        if name != found:
            raise DataError(
                f"class {label} of the data must be the network's, {name!r}, received "
                f"{found!r}"
            )


def _check(config: DataConfig, split: Split) -> None:
    side = config.stored_side
    if split.images.shape[1:] != (side, side, 3) or split.images.dtype != "uint8":
        raise DataError(
            f"images of {config.dataset} must be uint8 (N, {side}, {side}, 3), "
            f"received {split.images.dtype} {split.images.shape}"
        )
    classes = len(split.class_names)
    if len(split) == 0 or split.labels.min() < 0 or split.labels.max() >= classes:
        raise DataError(f"labels of {config.dataset} must be 0 to {classes - 1}")
