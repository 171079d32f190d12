"""Recipes: named sets of settings, each with its source.

A recipe states every setting but those in `OPEN`, also where the value is the
field's default, so that a later default cannot change it. A recipe that the
card of a released model names stays as it is for ever; a better one gets a new
name. Settings of one network family are passed over when a recipe is used with
the other.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from resnet_tf.config.fields import unknown
from resnet_tf.errors import SettingError

# What a recipe leaves to the user: the network, the data set and what follows
# from it, the seed and the arithmetic.
OPEN = frozenset(
    "model num_residual_blocks order depth growth_rate bottleneck compression "
    "num_classes dataset validation_size flip channel_mean channel_std seed "
    "mixed_precision jit_compile strategy".split()
)

# What the recipes below share; each names what it has otherwise.
_USUAL = {
    "kernel_initializer": "he_fan_out",
    "bn_momentum": 0.9,
    "bn_epsilon": 1e-5,
    "padding_size": 4,
    "normalization": "mean_std",
    "train_batch_size": 128,
    "report_freq": 391,
    "init_lr": 0.1,
    "momentum": 0.9,
    "nesterov": False,
    "schedule": "step",
    "warmup_fraction": 0.0,
    "lr_decay_factor": 0.1,
    "decay_step0": 40_000,
    "decay_step1": 60_000,
    "weight_decay_on": "kernels",
    "label_smoothing": 0.0,
}

RECIPES: dict[str, MappingProxyType[str, Any]] = {
    # The TF1 project resnet-in-tensorflow by wenxinxu: whitened images, Glorot
    # convolutions, rate /10 at 40,000 and 60,000 of 80,000 updates.
    "wenxinxu": MappingProxyType(
        {
            **_USUAL,
            "model": "resnet",
            "num_residual_blocks": 5,
            "order": "pre",
            "kernel_initializer": "glorot_uniform",
            "bn_epsilon": 1e-3,
            "padding_size": 2,
            "normalization": "whitening",
            "train_steps": 80_000,
            "weight_decay": 2e-4,
        }
    ),
    # He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2:
    # 64,000 updates, rate /10 at 32,000 and 48,000, decay 1e-4, 45,000/5,000.
    "he2015": MappingProxyType(
        {
            **_USUAL,
            "order": "post",
            "train_steps": 64_000,
            "decay_step0": 32_000,
            "decay_step1": 48_000,
            "weight_decay": 1e-4,
            "weight_decay_on": "all",
        }
    ),
    # Huang et al. 2016, "Densely Connected Convolutional Networks", section 4.2:
    # 300 epochs of 45,000 images in batches of 64, rate /10 at one half and at
    # three quarters, Nesterov momentum, decay 1e-4.
    "densenet2017": MappingProxyType(
        {
            **_USUAL,
            "model": "densenet",
            "train_batch_size": 64,
            "train_steps": 210_938,
            "report_freq": 704,
            "nesterov": True,
            "decay_step0": 105_469,
            "decay_step1": 158_203,
            "weight_decay": 1e-4,
            "weight_decay_on": "all",
        }
    ),
    # Ours: 30 epochs of 45,000 images with one rise and fall of the rate (the
    # "1cycle" policy of Smith and Topin 2017), for a good network in an hour of
    # two CPU cores.
    "onecycle": MappingProxyType(
        {
            **_USUAL,
            "bn_epsilon": 1e-3,
            "train_steps": 10_547,
            "report_freq": 352,
            "init_lr": 0.2,
            "nesterov": True,
            "schedule": "onecycle",
            "warmup_fraction": 0.1,
            "weight_decay": 5e-4,
        }
    ),
    # Ours: the embedded digits in about a minute, without network or download.
    "quickstart": MappingProxyType(
        {
            **_USUAL,
            "dataset": "digits",
            "num_residual_blocks": 1,
            "bn_epsilon": 1e-3,
            "train_steps": 400,
            "report_freq": 50,
            "nesterov": True,
            "schedule": "onecycle",
            "warmup_fraction": 0.2,
            "weight_decay": 5e-4,
        }
    ),
}


def recipe_values(name: str) -> dict[str, Any]:
    """Returns the settings of a recipe by field name.

    Raises:
        SettingError: If there is no such recipe.
    """
    if name not in RECIPES:
        raise SettingError(unknown("recipe", name, RECIPES))
    return dict(RECIPES[name])
