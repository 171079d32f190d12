"""Recipes: named sets of settings, each with its source.

A recipe states every setting except those in `OPEN`, even if the value is the default,
so that a later default cannot change the recipe. A recipe that the card of a released
model names never changes; a better one gets a new name. Settings of one network family
are ignored when a recipe is used with another family. Durations in epochs become steps
once the data set is known.
"""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any

from resnet_tf.config.datasets import (
    CIFAR10_MEAN,
    CIFAR10_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
)
from resnet_tf.config.derived import override
from resnet_tf.config.fields import unknown
from resnet_tf.config.networks import PAPER_SHORTCUT
from resnet_tf.errors import SettingError

# Settings that a recipe leaves to the user: the network, the data set and its
# properties, the initial weights, the seed and the arithmetic.
OPEN = frozenset(
    "model num_residual_blocks order shortcut stride_padding stem depth growth_rate "
    "bottleneck compression stem_filters memory_efficient activation num_classes "
    "dataset validation_size folder_split image_size resize flip channel_mean "
    "channel_std init_from grow freeze seed mixed_precision jit_compile strategy "
    "lanes accumulate kernels sync_batch_norm deterministic".split()
)

# Settings that the recipes below share; each recipe states its differences.
_USUAL = {
    "kernel_initializer": "he_fan_out",
    "head_initializer": "fan_in_normal",
    "head_bias": "zeros",
    "bn_momentum": 0.9,
    "bn_epsilon": 1e-5,
    "bn_eval": "moving",
    "dropout_rate": 0.0,
    "zero_init_residual": False,
    "stochastic_depth": 0.0,
    "sampling": "permutation",
    "drop_last": False,
    "crop": "padded",
    "padding_size": 4,
    "padding_color": "black",
    "crop_offsets": "symmetric",
    "crop_scale": (0.8, 1.0),
    "crop_ratio": (0.9, 1.1),
    "flip_order": "random",
    "auto_augment": "none",
    "randaugment_transforms": 2,
    "randaugment_strength": 9,
    "cutout": 0,
    "erasing": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "cutmix_probability": 1.0,
    "normalization": "mean_std",
    "train_batch_size": 128,
    "report_freq": 391,
    "optimizer": "sgd",
    "init_lr": 0.1,
    "sgd_lr": 0.1,
    "bias_rate_factor": 1.0,
    "momentum": 0.9,
    "nesterov": False,
    "schedule": "step",
    "warmup_fraction": 0.0,
    "warmup_steps": 0,
    "warmup_lr": 0.01,
    "lr_decay_factor": 0.1,
    "decay_step0": 40_000,
    "decay_step1": 60_000,
    "first_decay_late": False,
    "weight_decay": 1e-4,
    "weight_decay_on": "kernels",
    "label_smoothing": 0.0,
    "ema_decay": 0.0,
    "ema_every": 1,
    "lookahead": 0,
    "lookahead_share": 0.5,
    "teacher": None,
    "teacher_share": 0.9,
    "teacher_temperature": 4.0,
}


# PyTorch's default initialization of a dense layer.
_PYTORCH_HEAD = {"head_initializer": "fan_in_uniform", "head_bias": "fan_in_uniform"}

Settings = dict[str, Any]


def _usual(**changes: Any) -> Settings:
    """Returns `_USUAL` with `changes`; a duration in epochs replaces its steps."""
    return override(_USUAL, changes)


def wenxinxu() -> Settings:
    """The TF1 project https://github.com/wenxinxu/resnet-in-tensorflow.

    Whitened images, Glorot initialization, rate /10 at 40,000 and 60,000 of 80,000
    updates. Five more of its habits are switches that this recipe leaves off:
    sampling=window, crop_offsets=asymmetric, bn_eval=batch, first_decay_late, and
    head_initializer=unit_uniform.
    """
    return _usual(
        model="resnet",
        num_residual_blocks=5,
        order="pre",
        kernel_initializer="glorot_uniform",
        bn_epsilon=1e-3,
        padding_size=2,
        normalization="whitening",
        train_steps=80_000,
        weight_decay=2e-4,
        weight_decay_on="kernels_and_head",
    )


def he2015() -> Settings:
    """He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2.

    64,000 updates, rate /10 at 32,000 and 48,000, decay 1e-4, 45,000/5,000 images;
    110 layers and more start with 400 updates at 0.01. Shortcuts are option A with
    stride 2. Details that the paper leaves open follow
    https://github.com/facebookarchive/fb.resnet.torch: the position of the zero
    channels, the border of the crop (the mean color), and the initial values of the
    dense head. The paper subtracts the mean image; this recipe, like that code, uses
    the mean and deviation of each channel.
    """
    return _usual(
        order="post",
        **PAPER_SHORTCUT,
        head_initializer="fan_in_uniform",
        padding_color="mean",
        train_steps=64_000,
        decay_step0=32_000,
        decay_step1=48_000,
        weight_decay_on="all",
    )


def akamaster() -> Settings:
    """https://github.com/akamaster/pytorch_resnet_cifar10.

    200 epochs of all 50,000 images, rate /10 after 100 and 150, ImageNet's mean and
    deviation; 110 layers and more start with an epoch at 0.01.
    """
    return _usual(
        order="post",
        shortcut="A-subsample",
        stride_padding="both",
        kernel_initializer="he_fan_in",
        head_initializer="he_fan_in",
        head_bias="fan_in_uniform",
        validation_size=0,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        train_epochs=200,
        decay_epoch0=100,
        decay_epoch1=150,
        weight_decay_on="all",
    )


def densenet2017() -> Settings:
    """Huang et al. 2017, "Densely Connected Convolutional Networks", section 4.2.

    300 epochs of all 50,000 images in batches of 64, Nesterov momentum, decay 1e-4.
    The paper drops the rate /10 at one half and at three quarters of the epochs; its
    code, https://github.com/liuzhuang13/DenseNet, does so at the start of epochs 150
    and 225, so after 149 and 224. This recipe follows the code, also in the border of
    the crop and the dense head. It is the paper's column with augmentation (C10+); the
    recipe `densenet2017_noaug` is the other column.
    """
    return _usual(
        model="densenet",
        head_initializer="fan_in_uniform",
        validation_size=0,
        padding_color="mean",
        train_batch_size=64,
        train_epochs=300,
        decay_epoch0=149,
        decay_epoch1=224,
        report_freq=782,
        nesterov=True,
        weight_decay_on="all",
    )


def densenet2017_noaug() -> Settings:
    """Huang et al. 2017, section 4.2: the column without augmentation (C10).

    Like `densenet2017`, without crops and mirrored images, and with dropout of 0.2
    after each convolution except the first.
    """
    changes = {"padding_size": 0, "flip": False, "dropout_rate": 0.2}
    return {**densenet2017(), **changes}


def uvadlc_sgd() -> Settings:
    """UvA Deep Learning tutorial 5, as it trains its ResNets: SGD, 180 epochs.

    Random resized crops and mirrored images, rate /10 after 100 and 150 epochs of 351
    full batches. https://uvadlc-notebooks.readthedocs.io
    """
    return _usual(
        model="uva_resnet",
        **_PYTORCH_HEAD,
        drop_last=True,
        crop="resized",
        channel_mean=CIFAR10_MEAN,
        channel_std=CIFAR10_STD,
        train_epochs=180,
        decay_epoch0=100,
        decay_epoch1=150,
        report_freq=351,
        weight_decay_on="all",
    )


def uvadlc_adamw() -> Settings:
    """UvA Deep Learning tutorial 5, as it trains its GoogLeNet and DenseNet.

    Like `uvadlc_sgd`, with AdamW at 1e-3.
    """
    changes = {"model": "uva_googlenet", "optimizer": "adamw", "init_lr": 1e-3}
    return {**uvadlc_sgd(), **changes}


def article34() -> Settings:
    """The comparisons of ResNet-34 and DenseNet-121 written with PyTorch.

    Networks, images, batches, decay and first rate follow
    https://github.com/kuangliu/pytorch-cifar, with PyTorch's default initial values.
    Its channel deviations are means over the deviations of single images. The schedule
    is the article's: 300 epochs, rate /10 after 150 and 225. The code uses a cosine
    over 200 epochs of all 50,000 images: --schedule=cosine --train_epochs=200
    --validation_size=0.
    """
    return _usual(
        model="resnet34_cifar",
        kernel_initializer="fan_in_uniform",
        **_PYTORCH_HEAD,
        channel_mean=(0.4914, 0.4822, 0.4465),
        channel_std=(0.2023, 0.1994, 0.2010),
        train_epochs=300,
        decay_epoch0=150,
        decay_epoch1=225,
        weight_decay=5e-4,
        weight_decay_on="all",
    )


def finetune224() -> Settings:
    """Fine-tuning of torchvision's ImageNet weights at 224x224, with --init_from.

    10 epochs of SGD at 1e-3. Images are resized to 256 and their center is cropped to
    224, with ImageNet's mean and deviation, as torchvision evaluates its networks.
    Batches of 32 and no weight decay are our choice. https://pytorch.org/vision
    """
    return _usual(
        model="resnet18",
        resize=256,
        padding_size=0,
        channel_mean=IMAGENET_MEAN,
        channel_std=IMAGENET_STD,
        train_batch_size=32,
        train_epochs=10,
        report_freq=1_406,
        init_lr=1e-3,
        weight_decay=0.0,
    )


def modern() -> Settings:
    """Ours: tuned for accuracy per hour of two CPU cores.

    Like `onecycle`, with a higher peak, and 30 epochs of any data set. Chosen on
    validation images with ResNet-20 in runs of 10 epochs: label smoothing, cutout, a
    cosine and a stronger decay did not help there.
    """
    return override(onecycle(), {"train_epochs": 30, "init_lr": 0.4})


def onecycle() -> Settings:
    """Ours: 30 epochs of 45,000 images with one rise and fall of the rate.

    The "1cycle" policy of Smith and Topin 2017, for a good network in an hour of
    two CPU cores.
    """
    return _usual(
        bn_epsilon=1e-3,
        train_steps=10_547,
        report_freq=352,
        init_lr=0.2,
        nesterov=True,
        schedule="onecycle",
        warmup_fraction=0.1,
        weight_decay=5e-4,
    )


def quickstart() -> Settings:
    """Ours: the embedded digits in about a minute, without network or download."""
    return _usual(
        dataset="digits",
        num_residual_blocks=1,
        bn_epsilon=1e-3,
        train_steps=400,
        report_freq=50,
        nesterov=True,
        schedule="onecycle",
        warmup_fraction=0.2,
        weight_decay=5e-4,
    )


_RECIPES = (
    wenxinxu,
    he2015,
    akamaster,
    densenet2017,
    densenet2017_noaug,
    uvadlc_sgd,
    uvadlc_adamw,
    article34,
    finetune224,
    modern,
    onecycle,
    quickstart,
)
RECIPES = MappingProxyType(
    {recipe.__name__: MappingProxyType(recipe()) for recipe in _RECIPES}
)

# Settings that a recipe adds for residual networks of at least this depth, which do not
# train with the full rate from the start.
DEEP_LAYERS = 110
DEEP = MappingProxyType(
    {
        "he2015": {"warmup_steps": 400},
        "akamaster": {"warmup_epochs": 1},
    }
)


DEFAULT_RECIPE = "wenxinxu"


def recipe_values(name: str) -> dict[str, Any]:
    """Returns the settings of a recipe by name.

    Raises:
        SettingError: If the recipe does not exist.
    """
    if name not in RECIPES:
        raise SettingError(unknown("recipe", name, RECIPES))
    return dict(RECIPES[name])


def recipe_source(name: str) -> str:
    """Returns the description and the source of a recipe; "" in `python -OO`."""
    (recipe,) = (recipe for recipe in _RECIPES if recipe.__name__ == name)
    return inspect.getdoc(recipe) or ""  # None in python -OO
