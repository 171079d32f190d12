"""The data sets: one row for each name that a config can use."""

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
        num_train: Number of training and validation images together.
        validation_size: Default size of the validation split.
        flip: Whether a mirrored image keeps its label.
        mean: Mean of each channel, in [0, 1]. CIFAR has the usual constants, from all
            50,000 official training images; the digits have the mean of their 1,257
            training images; a folder has ImageNet's mean.
        std: Standard deviation of each channel of the same images, in [0, 1].
    """

    num_classes: int
    num_train: int
    validation_size: int
    flip: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Dataset:
    """A data set that a config can name.

    To add one, write a row in `DATASETS` and a module with its `DataSource`.

    Attributes:
        source: Module and class in `resnet_tf.data`, e.g. "digits:Digits". Called with
            a `DataConfig`, the class returns a `DataSource`.
        info: The facts about the data set; None if they are known only after the
            folders in `data_dir` are listed.
        class_names: One name per label; empty if `info` is None.
        side: Height and width of the images in pixels; None if they can have any size
            and are resized for the network.
    """

    source: str
    info: DatasetInfo | None = None
    class_names: tuple[str, ...] = ()
    side: int | None = 32

    @property
    def of_folders(self) -> bool:
        """Whether the classes are the folders in `data_dir`."""
        return self.info is None


_CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_NAMES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy "
    "bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee "
    "clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant "
    "flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower "
    "leopard lion lizard lobster man maple_tree motorcycle mountain mouse "
    "mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree "
    "plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea "
    "seal shark shrew skunk skyscraper snail snake spider squirrel streetcar "
    "sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)
_COARSE_NAMES = (
    "aquatic_mammals fish flowers food_containers fruit_and_vegetables "
    "household_electrical_devices household_furniture insects large_carnivores "
    "large_man-made_outdoor_things large_natural_outdoor_scenes "
    "large_omnivores_and_herbivores medium_mammals non-insect_invertebrates people "
    "reptiles small_mammals trees vehicles_1 vehicles_2"
)
_CIFAR100 = DatasetInfo(
    num_classes=100,
    num_train=50_000,
    validation_size=5_000,
    flip=True,
    mean=(0.50707516, 0.48654887, 0.44091784),
    std=(0.26733429, 0.25643846, 0.27615047),
)
_CIFAR = "tfds_source:cifar"

# CIFAR-100 with the labels of its 20 superclasses.
COARSE = "cifar100_coarse"
# A folder of images.
FOLDER = "folder"

DATASETS = {
    "cifar10": Dataset(
        _CIFAR,
        DatasetInfo(
            num_classes=10,
            num_train=50_000,
            validation_size=5_000,
            flip=True,
            mean=CIFAR10_MEAN,
            std=CIFAR10_STD,
        ),
        tuple(_CIFAR10_NAMES.split()),
    ),
    "cifar100": Dataset(_CIFAR, _CIFAR100, tuple(_CIFAR100_NAMES.split())),
    COARSE: Dataset(
        _CIFAR,
        dataclasses.replace(_CIFAR100, num_classes=20),
        tuple(_COARSE_NAMES.split()),
    ),
    "digits": Dataset(
        "digits:Digits",
        DatasetInfo(
            num_classes=10,
            num_train=1_437,
            validation_size=180,
            flip=False,
            mean=(0.30479447, 0.30479447, 0.30479447),
            std=(0.37654078, 0.37654078, 0.37654078),
        ),
        tuple("0123456789"),
    ),
    FOLDER: Dataset("image_folder:ImageFolder", side=None),
}
# The CIFAR data sets by their number of classes.
CIFAR_OF_CLASSES = {
    info.num_classes: name
    for name in ("cifar10", "cifar100")
    if (info := DATASETS[name].info)
}


def folder_info(
    num_classes: int, num_train: int, validation_size: int | None = None
) -> DatasetInfo:
    """Returns the facts about a folder of images that the settings need.

    Args:
        num_classes: Number of classes.
        num_train: Number of training and validation images together.
        validation_size: Default number of validation images among them; None takes a
            tenth.
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
    """Raises unless the validation split leaves training images.

    Raises:
        SettingError: If no training image is left.
    """
    if validation_size >= info.num_train:
        raise SettingError(
            f"validation_size must be below the {info.num_train} images of {dataset}, "
            f"received {validation_size}"
        )
