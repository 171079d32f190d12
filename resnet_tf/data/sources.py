"""From a `DataConfig` to the images of a split."""

import typing

from resnet_tf.config import DATASETS, DataConfig
from resnet_tf.data import digits, tfds_source
from resnet_tf.data.split import Split, SplitName
from resnet_tf.errors import DataError, SettingError


def ensure_available(config: DataConfig) -> None:
    """Returns when the data set is at hand or can be downloaded; within seconds.

    Raises:
        DataError: If it is neither.
    """
    if config.dataset != "digits":
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
    if name not in typing.get_args(SplitName):
        known = ", ".join(typing.get_args(SplitName))
        raise SettingError(f"split must be one of {known}, received {name!r}")
    test = name == "test"
    if config.dataset == "digits":
        split = digits.load(test)
    else:
        split = tfds_source.load(config, test)
    _check(config, split)
    if test:
        return split
    border = len(split) - config.validation_size
    if border <= 0:
        raise DataError(
            f"dataset {config.dataset} holds {len(split)} training images here, "
            f"validation_size={config.validation_size} leaves none"
        )
    if name == "validation":
        return split.part(name, border, len(split))
    return split.part(name, 0, border)


def _check(config: DataConfig, split: Split) -> None:
    classes = DATASETS[config.dataset].num_classes
    if split.images.shape[1:] != (32, 32, 3) or split.images.dtype != "uint8":
        raise DataError(
            f"images of {config.dataset} must be uint8 (N, 32, 32, 3), received "
            f"{split.images.dtype} {split.images.shape}"
        )
    if len(split) == 0 or split.labels.min() < 0 or split.labels.max() >= classes:
        raise DataError(f"labels of {config.dataset} must be 0 to {classes - 1}")
