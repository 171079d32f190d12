"""The settings of the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from resnet_tf.config.datasets import (
    DATASETS,
    FOLDER,
    DatasetInfo,
    folder_info,
    require_training_images,
)
from resnet_tf.config.fields import Section, field
from resnet_tf.errors import SettingError

_LARGEST_SIDE = 512


@dataclass(frozen=True, kw_only=True)
class DataConfig(Section):
    """The images: their source, split, augmentation and normalization."""

    dataset: str = field(
        "cifar10",
        "Data set; 'cifar100_coarse' has the 20 superclasses, 'digits' is part of the "
        "package, 'folder' is --data_dir with one folder of images per class.",
        choices=tuple(DATASETS),
    )
    data_dir: str | None = field(
        None,
        "Folder of TensorFlow Datasets, the official CIFAR folder or archive, or a "
        "folder of your own images [TFDS_DATA_DIR, else ~/tensorflow_datasets].",
        local=True,
    )
    cache_dir: str | None = field(
        None, "Folder of decoded images [~/.cache/resnet_tf].", local=True
    )
    download: bool = field(True, "Download the data set if it is missing.", local=True)
    validation_size: int | None = field(
        None,
        "Number of images held out of training, the last by official index "
        "[5000 for CIFAR, 180 for digits, a tenth of a folder].",
        minimum=0,
        maximum=100_000_000,
    )
    folder_split: Literal["class", "hash"] = field(
        "class",
        "How a folder without splits is split: a tenth of each class (class), or a "
        "tenth of all images by the hash of their paths (hash, for runs of earlier "
        "versions).",
        was="hash",
        needs=("dataset", FOLDER),
    )
    image_size: int = field(
        32,
        "Height and width of the network's input: the size of the network, or, for a "
        "network of size 32, a larger multiple of 16.",
        minimum=8,
        maximum=_LARGEST_SIDE,
        was=32,
    )
    resize: int | None = field(
        None,
        "Side to which images are resized before the center crop to image_size "
        "[image_size].",
        minimum=8,
        maximum=_LARGEST_SIDE,
        was=None,
    )
    sampling: Literal["permutation", "window"] = field(
        "permutation",
        "Images of an update: the next ones in a new permutation each epoch, or, as in "
        "the TF1 original, neighbors from a random start in an order shuffled once "
        "(window).",
        was="permutation",
    )
    drop_last: bool = field(
        False,
        "Skip the last images of an epoch if they do not fill a batch, like PyTorch's "
        "drop_last, instead of filling the batch from the next epoch.",
        was=False,
        needs=("sampling", "permutation"),
    )
    crop: Literal["padded", "resized"] = field(
        "padded",
        "Random crop: from the image with a border around it, or a random part that is "
        "resized to the full size.",
        was="padded",
    )
    padding_size: int = field(
        2,
        "Pixels added on each side before the padded crop; 0 for no crop.",
        minimum=0,
        maximum=32,
        needs=("crop", "padded"),
    )
    padding_color: Literal["black", "mean"] = field(
        "black",
        "Color of the added pixels: black, or the mean, which normalization makes 0 "
        "(the source normalizes first, then pads with zeros).",
        was="black",
        needs=("crop", "padded"),
    )
    crop_offsets: Literal["symmetric", "asymmetric"] = field(
        "symmetric",
        "Shifts of the padded crop: up to the padding in all directions, or, as in the "
        "TF1 original, never the largest shift down or right.",
        was="symmetric",
        needs=("crop", "padded"),
    )
    crop_scale: tuple[float, ...] = field(
        (0.8, 1.0),
        "Smallest and largest share of the area in the resized crop.",
        was=(0.8, 1.0),
        needs=("crop", "resized"),
    )
    crop_ratio: tuple[float, ...] = field(
        (0.9, 1.1),
        "Smallest and largest width / height of the resized crop.",
        was=(0.9, 1.1),
        needs=("crop", "resized"),
    )
    flip: bool | None = field(
        None, "Mirror half of the training images [true for CIFAR and folders]."
    )
    flip_order: Literal["random", "alternating"] = field(
        "random",
        "Mirror a random half of the images in each update, or a random half in the "
        "first epoch and then each image in every other epoch (Jordan 2024, "
        "arXiv:2404.00498).",
        was="random",
        needs=("flip", True),
    )
    auto_augment: Literal["none", "trivialaugment", "randaugment"] = field(
        "none",
        "Transform each training image before the crop: by one of 14 transforms of a "
        "random strength (trivialaugment: the wide space of arXiv:2103.10158), or by "
        "several of one strength (randaugment: arXiv:1909.13719).",
        was="none",
    )
    randaugment_transforms: int = field(
        2,
        "Number of transforms of an image in RandAugment.",
        minimum=1,
        maximum=14,
        was=2,
        needs=("auto_augment", "randaugment"),
    )
    randaugment_strength: int = field(
        9,
        "Strength of the transforms in RandAugment, from 0 to 30.",
        minimum=0,
        maximum=30,
        was=9,
        needs=("auto_augment", "randaugment"),
    )
    cutout: int = field(
        0,
        "Side of the square blanked in each training image, in pixels; 0 for none.",
        minimum=0,
        maximum=_LARGEST_SIDE,
        was=0,
    )
    erasing: float = field(
        0.0,
        "Probability that a rectangle of a training image becomes noise (random "
        "erasing: Zhong et al. 2017, arXiv:1708.04896): pixels that are uniform from 0 "
        "to 255, normalized like an image.",
        minimum=0,
        maximum=1,
        was=0.0,
    )
    mixup: float = field(
        0.0,
        "alpha of mixup: each training batch is mixed with a permutation of itself, "
        "with a share drawn from Beta(alpha, alpha); 0 for none.",
        minimum=0,
        maximum=1000,
        was=0.0,
    )
    cutmix: float = field(
        0.0,
        "alpha of CutMix (Yun et al. 2019, arXiv:1905.04899): a box of each training "
        "batch comes from a permutation of itself; the rest has a share of the area "
        "drawn from Beta(alpha, alpha); 0 for none.",
        minimum=0,
        maximum=1000,
        was=0.0,
    )
    cutmix_probability: float = field(
        1.0,
        "Probability that CutMix mixes a batch; the authors use 0.5 for CIFAR.",
        minimum=0,
        maximum=1,
        was=1.0,
    )
    normalization: Literal["whitening", "mean_std"] = field(
        "whitening",
        "Normalize each image by its own mean and deviation (whitening), or each "
        "channel by the training set's (mean_std).",
    )
    channel_mean: tuple[float, ...] | None = field(
        None,
        "Means in [0, 1] for mean_std, comma-separated [the data set's].",
        needs=("normalization", "mean_std"),
    )
    channel_std: tuple[float, ...] | None = field(
        None,
        "Deviations in [0, 1] for mean_std, comma-separated [the data set's].",
        needs=("normalization", "mean_std"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        info = self._info()
        self._default("validation_size", info.validation_size)
        self._default("flip", info.flip)
        if not DATASETS[self.dataset].of_folders:
            object.__setattr__(self, "folder_split", "class")
        require_training_images(self.dataset, info, self.validation_size or 0)
        if self.flip and not info.flip:
            raise SettingError(
                f"flip must be false for dataset={self.dataset}: mirrored images "
                "change their meaning, received true"
            )
        self._check_flip_order()
        if self.normalization == "mean_std":
            self._default("channel_mean", info.mean)
            self._default("channel_std", info.std)
        self._check_channels()
        self._check_crop()
        self._check_mixing()

    @property
    def stored_side(self) -> int:
        """Height and width of the stored images, in pixels."""
        return DATASETS[self.dataset].side or self.resize or self.image_size

    @property
    def mixes(self) -> bool:
        """Whether images are mixed, so that they have targets instead of labels."""
        return bool(self.mixup or self.cutmix)

    def _default(self, name: str, value: Any) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    def _info(self) -> DatasetInfo:
        if info := DATASETS[self.dataset].info:
            return info
        if self.validation_size is None:
            raise SettingError(
                f"validation_size must be given for dataset={self.dataset}, received "
                "none"
            )
        # The real number of images is checked when they are loaded.
        return folder_info(num_classes=2, num_train=self.validation_size + 1)

    def _check_flip_order(self) -> None:
        if self.flip_order == "random":
            return
        if not self.flip:
            raise SettingError("flip_order=alternating needs flip=true, received false")
        if self.sampling != "permutation":
            raise SettingError(
                "flip_order=alternating needs sampling=permutation, received "
                f"{self.sampling}"
            )

    def _check_mixing(self) -> None:
        if self.mixup and self.cutmix:
            raise SettingError(
                f"cutmix must be 0 with mixup={self.mixup}, received {self.cutmix}"
            )

    def _check_channels(self) -> None:
        for name in ("channel_mean", "channel_std"):
            value = getattr(self, name)
            if self.normalization == "whitening" and value is not None:
                raise SettingError(
                    f"{name} needs normalization=mean_std, received whitening"
                )
            if value is not None and (
                len(value) != 3 or not 0 <= min(value) <= max(value) <= 1
            ):
                raise SettingError(
                    f"{name} must be three numbers from 0 to 1, received {value}"
                )
        if self.channel_std is not None and min(self.channel_std) <= 0:
            raise SettingError(
                f"channel_std must be above 0, received {self.channel_std}"
            )

    def _check_crop(self) -> None:
        for name, largest in (("crop_scale", 1.0), ("crop_ratio", 10.0)):
            value = getattr(self, name)
            ordered = len(value) == 2 and 0 < value[0] <= value[1] <= largest
            if not ordered:
                raise SettingError(
                    f"{name} must be two rising numbers above 0 and at most "
                    f"{largest}, received {value}"
                )
        side = self.image_size
        if self.resize is not None and not side <= self.resize <= 2 * side:
            raise SettingError(
                f"resize must be from image_size={side} to twice that, received "
                f"{self.resize}"
            )
        if self.cutout >= side:
            raise SettingError(
                f"cutout must be below image_size={side}, received {self.cutout}"
            )
