"""Settings converted before a config is made: durations in epochs, scaled rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from resnet_tf.config.fields import FieldSpec
from resnet_tf.errors import SettingError

# Durations that can be given in epochs, and the settings in steps that they become.
STEPS_OF = {
    "train_epochs": "train_steps",
    "warmup_epochs": "warmup_steps",
    "decay_epoch0": "decay_step0",
    "decay_epoch1": "decay_step1",
}
_LARGEST = 100_000.0

DURATIONS = tuple(
    FieldSpec(
        section="durations",
        name=name,
        type=float,
        choices=(),
        optional=True,
        default=None,
        help=f"{steps}, in epochs of the training images.",
        minimum=0.0,
        maximum=_LARGEST,
    )
    for name, steps in STEPS_OF.items()
)


def override(values: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `values` updated with `later`.

    A duration in steps and the same duration in epochs replace each other. So do the
    two kinds of warm-up.

    Raises:
        SettingError: If `later` gives one duration in both steps and epochs.
    """
    merged = dict(values)
    for epochs, steps in STEPS_OF.items():
        if epochs in later and steps in later:
            raise SettingError(
                f"{epochs} cannot be given with {steps}={later[steps]}, received "
                f"{later[epochs]}"
            )
        if epochs in later or steps in later:
            merged.pop(epochs, None)
            merged.pop(steps, None)
    constant, linear = {"warmup_epochs", "warmup_steps"}, {"warmup_fraction"}
    for kind, other in ((constant, linear), (linear, constant)):
        if any(later.get(name) for name in kind) and not other & later.keys():
            merged = {n: 0 if n in other else value for n, value in merged.items()}
    return {**merged, **later}


def too_large_for_drop_last(batch_size: int, num_images: int) -> str:
    """Returns the error message for an epoch without a full batch."""
    return (
        f"train_batch_size must be at most the {num_images} training images with "
        f"drop_last, received {batch_size}"
    )


def images_an_epoch(num_images: int, batch_size: int, drop_last: bool) -> int:
    """Returns the number of training images that the updates of an epoch use.

    Args:
        num_images: Number of training images, without the validation images.
        batch_size: Number of images in an update.
        drop_last: Whether an epoch ends at its last full batch.

    Raises:
        SettingError: If `drop_last` is set and an epoch has no full batch.
    """
    if not drop_last:
        return num_images
    if batch_size > num_images:
        raise SettingError(too_large_for_drop_last(batch_size, num_images))
    return num_images - num_images % batch_size


def in_epochs(steps: int, num_images: int, batch_size: int, drop_last: bool) -> float:
    """Converts updates to epochs; see `images_an_epoch`."""
    return steps * batch_size / images_an_epoch(num_images, batch_size, drop_last)


def to_steps(
    values: Mapping[str, Any], num_images: int, batch_size: int
) -> dict[str, Any]:
    """Returns `values` with every duration in steps, rounded to the nearest.

    Args:
        values: Settings by name, including `sampling` and `drop_last`.
        num_images: Number of training images, without the validation images.
        batch_size: Number of images in an update.

    Raises:
        SettingError: If the training is shorter than one update, or `drop_last` drops
            every batch.
    """
    result = {name: v for name, v in values.items() if name not in STEPS_OF}
    permuted = values.get("sampling", "permutation") == "permutation"
    drop_last = permuted and bool(values.get("drop_last"))
    num_images = images_an_epoch(num_images, batch_size, drop_last)
    for epochs, steps in STEPS_OF.items():
        if values.get(epochs) is not None:
            result[steps] = math.floor(values[epochs] * num_images / batch_size + 0.5)
    if values.get("train_epochs") is not None and not result["train_steps"]:
        raise SettingError(
            f"train_epochs must be at least one update, {batch_size / num_images:.3g} "
            f"epochs here, received {values['train_epochs']}"
        )
    return result


LR_SCALING = FieldSpec(
    section="rate",
    name="lr_scaling",
    type=str,
    choices=("none", "linear"),
    optional=False,
    default="none",
    help="linear: init_lr and sgd_lr are for the recipe's train_batch_size, and are "
    "scaled in proportion to the batch size (Goyal et al. 2017). A higher rate needs "
    "a warm-up.",
)


def scaled(values: Mapping[str, Any], recipe_batch: int) -> dict[str, Any]:
    """Returns settings with `lr_scaling` applied to the learning rate.

    The factor depends on the batch over all replicas, not on the number of replicas. So
    a run keeps its rate wherever it resumes.

    Args:
        values: Settings by name, including `train_batch_size` and `init_lr`.
        recipe_batch: The batch size for which `init_lr` is meant.

    Raises:
        SettingError: If the rate increases and there is no warm-up.

    Reference: Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 2.1.
    """
    result = {name: v for name, v in values.items() if name != LR_SCALING.name}
    if values.get(LR_SCALING.name, "none") == "none":
        return result
    factor = result["train_batch_size"] / recipe_batch
    if factor > 1 and not _warms_up(result):
        raise SettingError(
            "lr_scaling=linear needs a warm-up for a rate that is "
            f"{factor:g} times as high, e.g. warmup_fraction=0.05, received none"
        )
    for name in ("init_lr", "sgd_lr"):
        if name in result:
            result[name] *= factor
    return result


def _warms_up(settings: Mapping[str, Any]) -> bool:
    return any(settings.get(name) for name in ("warmup_fraction", "warmup_steps"))
