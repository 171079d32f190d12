"""Finds the data set of imported weights by the number of classes."""

from typing import NamedTuple

from resnet_tf.config import CIFAR_OF_CLASSES, FOLDER, DatasetInfo, folder_info

_CIFAR_IMAGES = 50_000


class Data(NamedTuple):
    """The part of a config that describes the data.

    Attributes:
        dataset: "cifar10", "cifar100" or "folder".
        info: Numbers of classes and images, if `dataset` is "folder".
        notes: Sentences for the card.
    """

    dataset: str
    info: DatasetInfo | None = None
    notes: tuple[str, ...] = ()


def data_of_classes(classes: int, num_train: int = _CIFAR_IMAGES) -> Data:
    """Returns the data set with a number of classes, or a folder of images.

    Args:
        classes: Number of outputs of the head.
        num_train: Number of training images to assume for a folder.
    """
    if classes in CIFAR_OF_CLASSES:
        return Data(CIFAR_OF_CLASSES[classes])
    note = (
        f"No data set of the package has {classes:,} classes. The network needs "
        "--data_dir with one folder of images per class, in the order of the classes."
    )
    return Data(FOLDER, folder_info(classes, num_train), (note,))
