"""The rate of a batch larger than the recipe's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resnet_tf.config.fields import FieldSpec
from resnet_tf.errors import SettingError

LR_SCALING = FieldSpec(
    section="rate",
    name="lr_scaling",
    type=str,
    choices=("none", "linear"),
    optional=False,
    default="none",
    help="linear: init_lr is that of the recipe's train_batch_size; another batch "
    "raises or lowers it in proportion (Goyal et al. 2017). A higher rate needs a "
    "warm-up.",
)


def scaled(values: Mapping[str, Any], recipe_batch: int) -> dict[str, Any]:
    """Returns settings with `lr_scaling` turned into the rate that it means.

    The batch counts, over all replicas, and not their number: a run keeps its rate
    wherever it goes on.

    Args:
        values: Settings by name, `train_batch_size` and `init_lr` among them.
        recipe_batch: The batch that `init_lr` is for.

    Raises:
        SettingError: If the rate rises and there is no warm-up.

    Reference: Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 2.1.
    """
    result = {name: v for name, v in values.items() if name != LR_SCALING.name}
    if values.get(LR_SCALING.name, "none") == "none":
        return result
    factor = result["train_batch_size"] / recipe_batch
    if factor > 1 and not _warms_up(result):
        raise SettingError(
            "lr_scaling=linear needs a warm-up for a rate that is "
            f"{factor:g} times as high, such as warmup_fraction=0.05, received none"
        )
    result["init_lr"] *= factor
    return result


def _warms_up(settings: Mapping[str, Any]) -> bool:
    return any(settings.get(name) for name in ("warmup_fraction", "warmup_steps"))
