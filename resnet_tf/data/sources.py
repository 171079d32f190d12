"""From a `DataConfig` to the images of a split."""

import typing
from collections.abc import Sequence
from pathlib import Path

from resnet_tf.config import DATASETS, FOLDER, DataConfig, DatasetInfo, folder_info
from resnet_tf.data import cifar_files, digits, image_folder, tfds_source
from resnet_tf.data.cache import cached, split_folder
from resnet_tf.data.class_names import CLASS_NAMES
from resnet_tf.data.split import Split, SplitName
from resnet_tf.disk import user_path
from resnet_tf.errors import DataError, SettingError


def dataset_info(
    dataset: str | None, data_dir: str | None, folder_split: str = "class"
) -> DatasetInfo | None:
    """Returns what only the disk knows of a data set, None for a built-in one.

    Args:
        dataset: A value of `DataConfig.dataset`, or None.
        data_dir: The folder of images, for "folder".
        folder_split: A value of `DataConfig.folder_split`.

    Raises:
        DataError: If the folder cannot be listed.
        SettingError: If there is none.
    """
    if dataset != FOLDER:
        return None
    found = image_folder.describe(_folder(data_dir), folder_split)
    return folder_info(len(found.class_names), found.num_train, found.num_validation)


def ensure_available(config: DataConfig) -> None:
    """Returns when the data set is at hand or can be downloaded; within seconds.

    Raises:
        DataError: If it is neither.
    """
    if config.dataset == FOLDER:
        image_folder.describe(_folder(config.data_dir), config.folder_split)
    elif config.dataset != "digits" and _official(config) is None:
        tfds_source.ensure_available(config)


def load_split(config: DataConfig, name: SplitName) -> Split:
    """Returns the images of one split, in their official order.

    The validation split is the last `validation_size` images of the official
    training set; the training split is what goes before it.

    Args:
        config: The data set and the size of the validation split.
        name: "train", "validation" or "test".

    Raises:
        DataError: If the data set is missing, incomplete or damaged.
        SettingError: If there is no such split.
    """
    require_split(name)
    if name == "test":
        return _whole(config, test=True)
    return _parted(config, _whole(config, test=False, said=name == "train"))[name]


def load_splits(config: DataConfig) -> tuple[Split, Split, Split]:
    """Returns the train, validation and test images; each source is read once.

    Raises:
        DataError: If the data set is missing, incomplete or damaged.
    """
    parts = _parted(config, _whole(config, test=False))
    return parts["train"], parts["validation"], _whole(config, test=True)


def _whole(config: DataConfig, test: bool, said: bool = True) -> Split:
    """Returns the official test images, or all others, as one checked split."""
    split = _load(config, test)
    _check(config, split)
    if said:
        _note_number(config, split)
    return split


def _parted(config: DataConfig, split: Split) -> dict[str, Split]:
    """Returns the training and the validation part of the official training set."""
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
    """Raises unless there is a split of this name.

    Raises:
        SettingError: If not.
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
        num_classes: Logits of the network.
        names: Of the classes in the order of their logits, None if not known.

    Raises:
        DataError: If it has others, or as many in another order.
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


def _load(config: DataConfig, test: bool) -> Split:
    if config.dataset == "digits":
        return digits.load(test)
    if config.dataset == FOLDER:
        return _load_folder(config, test)
    path = _official(config)
    if path is not None:
        return _load_official(config, path, test)
    return tfds_source.load(config, test)


def _load_folder(config: DataConfig, test: bool) -> Split:
    folder, rule = _folder(config.data_dir), config.folder_split
    chosen = folder, test, config.stored_side, rule, config.validation_size
    if not test:
        for note in image_folder.notes(folder, rule, config.validation_size):
            print(f"note: {folder}: {note}", flush=True)
    images, labels = cached(
        split_folder(config, test),
        image_folder.identity(*chosen),
        lambda: image_folder.decode(*chosen),
    )
    names = image_folder.describe(folder, rule).class_names
    return Split("test" if test else "train", images, labels, names)


def _load_official(config: DataConfig, path: Path, test: bool) -> Split:
    if not test:
        for folder in cifar_files.half_extracted(config.dataset, path):
            print(f"note: {folder} is incomplete: {path} is used", flush=True)
    images, labels = cached(
        split_folder(config, test),
        cifar_files.identity(path, test),
        lambda: cifar_files.decode(config.dataset, path, test),
    )
    names = CLASS_NAMES[config.dataset]
    return Split("test" if test else "train", images, labels, names)


def _official(config: DataConfig) -> Path | None:
    """Returns the official CIFAR files, unless TFDS has prepared the data set."""
    if tfds_source.prepared_version(config) is not None:
        return None
    return cifar_files.find(config.dataset, tfds_source.data_dir(config))


def _folder(data_dir: str | None) -> Path:
    if data_dir is None:
        raise SettingError("data_dir must be given for dataset=folder, received none")
    return user_path(data_dir)


def _note_number(config: DataConfig, split: Split) -> None:
    """Says that this is not the whole of CIFAR, or more than it."""
    official = cifar_files.NUM_TEST if split.name == "test" else cifar_files.NUM_TRAIN
    if config.dataset in CLASS_NAMES and len(split) != official:
        print(
            f"note: {config.dataset} holds {len(split):,} {split.name} images here, "
            f"not the official {official:,}",
            flush=True,
        )


def _check(config: DataConfig, split: Split) -> None:
    side = config.stored_side
    if split.images.shape[1:] != (side, side, 3) or split.images.dtype != "uint8":
        raise DataError(
            f"images of {config.dataset} must be uint8 (N, {side}, {side}, 3), "
            f"received {split.images.dtype} {split.images.shape}"
        )
    known = DATASETS.get(config.dataset)
    classes = known.num_classes if known else len(split.class_names)
    if len(split) == 0 or split.labels.min() < 0 or split.labels.max() >= classes:
        raise DataError(f"labels of {config.dataset} must be 0 to {classes - 1}")
