"""The data set of a head, by its number of classes."""

from typing import NamedTuple

from resnet_tf.config import CIFAR_OF_CLASSES, FOLDER, DatasetInfo, folder_info

_CIFAR_IMAGES = 50_000


class Data(NamedTuple):
    """The part of a config that describes the data.

    Attributes:
        dataset: "cifar10", "cifar100" or "folder".
        info: Its sizes, for a folder.
        notes: Sentences for the card.
    """

    dataset: str
    info: DatasetInfo | None = None
    notes: tuple[str, ...] = ()


def data_of_classes(classes: int, num_train: int = _CIFAR_IMAGES) -> Data:
    """Returns the data set with so many classes, a folder of images if none has.

    Args:
        classes: Outputs of the head.
        num_train: Training images to assume of a folder.
    """
    if classes in CIFAR_OF_CLASSES:
        return Data(CIFAR_OF_CLASSES[classes])
    note = (
        f"No data set of the package has its {classes:,} classes: it takes --data_dir "
        "with one folder of images a class, in the order of the classes."
    )
    return Data(FOLDER, folder_info(classes, num_train), (note,))
