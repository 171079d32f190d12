"""The facts about each data set that the settings need before it is opened."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from resnet_tf.errors import SettingError

CIFAR10_MEAN = (0.49139968, 0.48215841, 0.44653091)
CIFAR10_STD = (0.24703223, 0.24348513, 0.26158784)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DatasetInfo:
    """The facts about a data set that the settings need before it is opened.

    Attributes:
        num_classes: Number of labels.
        num_train: Images that are not test images (training + validation).
        validation_size: Default size of the validation split.
        flip: Whether a mirrored image keeps its label.
        mean: Mean of the images, one number a channel, in [0, 1]: for CIFAR the
            usual constants, of all 50,000 official training images; for the
            digits of the 1,257 that are trained on; for a folder ImageNet's.
        std: Standard deviation of the same, in [0, 1].
    """

    num_classes: int
    num_train: int
    validation_size: int
    flip: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


DATASETS = {
    "cifar10": DatasetInfo(
        num_classes=10,
        num_train=50_000,
        validation_size=5_000,
        flip=True,
        mean=CIFAR10_MEAN,
        std=CIFAR10_STD,
    ),
    "cifar100": DatasetInfo(
        num_classes=100,
        num_train=50_000,
        validation_size=5_000,
        flip=True,
        mean=(0.50707516, 0.48654887, 0.44091784),
        std=(0.26733429, 0.25643846, 0.27615047),
    ),
    "digits": DatasetInfo(
        num_classes=10,
        num_train=1_437,
        validation_size=180,
        flip=False,
        mean=(0.30479447, 0.30479447, 0.30479447),
        std=(0.37654078, 0.37654078, 0.37654078),
    ),
}
# CIFAR-100 with the labels of its 20 superclasses.
COARSE = "cifar100_coarse"
DATASETS[COARSE] = dataclasses.replace(DATASETS["cifar100"], num_classes=20)
# The CIFAR data sets by their number of classes.
CIFAR_OF_CLASSES = {
    DATASETS[name].num_classes: name for name in ("cifar10", "cifar100")
}
# A folder of images: its numbers are only known once it is listed.
FOLDER = "folder"


def folder_info(
    num_classes: int, num_train: int, validation_size: int | None = None
) -> DatasetInfo:
    """Returns the facts about a folder of images that the settings need.

    Args:
        num_classes: Its classes.
        num_train: Its images that are not test images.
        validation_size: How many of them validate, by default; None: a tenth.
    """
    return DatasetInfo(
        num_classes=num_classes,
        num_train=num_train,
        validation_size=num_train // 10 if validation_size is None else validation_size,
        flip=True,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
    )


def require_training_images(
    dataset: str, info: DatasetInfo, validation_size: int
) -> None:
    """Raises unless the validation split leaves images to train on.

    Raises:
        SettingError: If not.
    """
    if validation_size >= info.num_train:
        raise SettingError(
            f"validation_size must be below the {info.num_train} images of {dataset}, "
            f"received {validation_size}"
        )
