"""Training plans that lead to the same deep network at the same cost."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_tf.config import ExperimentConfig


@dataclass(frozen=True)
class Leg:
    """A whole schedule on one network.

    Attributes:
        blocks: Number of residual blocks per stage.
        share: Share of the plan's multiply-adds.
        init_lr: Peak learning rate.
    """

    blocks: int
    share: float
    init_lr: float


PLANS = {
    "scratch": [Leg(9, 1, 0.2)],
    "grown": [Leg(3, 1 / 2, 0.2), Leg(9, 1 / 2, 0.1)],
    "grown_high_rate": [Leg(3, 1 / 2, 0.2), Leg(9, 1 / 2, 0.2)],
    "grown_low_rate": [Leg(3, 1 / 2, 0.2), Leg(9, 1 / 2, 0.05)],
    "grown_late": [Leg(3, 3 / 4, 0.2), Leg(9, 1 / 4, 0.1)],
    "stages": [Leg(3, 1 / 3, 0.2), Leg(5, 1 / 3, 0.1), Leg(9, 1 / 3, 0.1)],
}


def plan(
    legs: list[Leg], epochs: float, common: dict[str, Any], root: Path
) -> list[tuple[ExperimentConfig, Path, int]]:
    """Returns the configs of a plan, with their folders and multiply-adds per image.

    The name of a folder contains all previous legs, so that plans share their common
    first legs.

    Args:
        legs: The plan; the last leg is on the deep network.
        epochs: Cost of the plan in epochs of the deep network.
        common: Flat settings of every leg.
        root: Parent of the folders.
    """
    macs = {leg.blocks: _macs(leg.blocks) for leg in legs}
    deep, experiments, folder = macs[legs[-1].blocks], [], None
    for leg in legs:
        own = epochs * leg.share * deep / macs[leg.blocks]
        settings = {**common, "train_epochs": own, "init_lr": leg.init_lr}
        name = f"{leg.blocks}x{own:.2f}@{leg.init_lr:g}"
        if folder is not None:
            settings |= {"init_from": str(folder), "grow": True}
            name = f"{folder.name}+{name}"
        folder = root / name
        config = _config(leg.blocks, settings)
        experiments.append((config, folder, macs[leg.blocks]))
    return experiments


def _config(blocks: int, settings: dict[str, Any]) -> ExperimentConfig:
    settings = {"num_residual_blocks": blocks, **settings}
    return ExperimentConfig.from_flat(settings, "onecycle")


@functools.cache
def _macs(blocks: int) -> int:
    from resnet_tf.analysis.audit.facts import facts
    from resnet_tf.models import build_model

    return facts(build_model(_config(blocks, {}).model)).macs
