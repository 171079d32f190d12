"""The length of a run that follows from a budget of multiply-adds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from resnet_tf.config import DATASETS, DatasetInfo, ExperimentConfig
from resnet_tf.config.arithmetic import run_macs
from resnet_tf.config.derived import LR_SCALING, STEPS_OF, images_an_epoch
from resnet_tf.errors import SettingError

_LENGTH = "train_steps"
# The durations inside a run, in updates and in epochs; each is a share of its length.
_DURATIONS = {steps: epochs for epochs, steps in STEPS_OF.items() if steps != _LENGTH}
_OF_STEP_SCHEDULE = ("decay_step0", "decay_step1")
# Settings that are refused without a warm-up, and that change no length.
_NEED_A_WARMUP = {"warmup_lr", LR_SCALING.name}


@dataclass(frozen=True)
class Budget:
    """The arithmetic of each run of a ledger.

    Attributes:
        macs: Multiply-adds of a run; see `run_macs`.
        epochs: Epochs of the base that take as many multiply-adds.
    """

    macs: int
    epochs: float


def epoch_macs(
    settings: Mapping[str, Any], recipe: str, info: DatasetInfo | None
) -> float:
    """Returns the multiply-adds of an epoch of the training images.

    Args:
        settings: Settings by name, without the length of the run.
        recipe: A name in `RECIPES`.
        info: The facts about the data set, if its row in `DATASETS` has none.

    Raises:
        SettingError: If a setting is wrong.
    """
    config = _of_the_recipes_length(settings, recipe, info)
    facts = info or DATASETS[config.data.dataset].info
    images = facts.num_train - config.data.validation_size
    train = config.train
    images = images_an_epoch(images, train.train_batch_size, config.data.drop_last)
    return run_macs(config) / train.train_steps * images / train.train_batch_size


def with_budget(
    settings: Mapping[str, Any], recipe: str, info: DatasetInfo | None, budget: Budget
) -> ExperimentConfig:
    """Returns the experiment whose run has the arithmetic of a budget.

    The number of updates is the one whose multiply-adds are nearest to the budget. The
    durations inside the run keep their shares of its length: those of the recipe, of
    the recipe's length; those of the settings, which are in epochs of the base, of the
    budget.

    Args:
        settings: Settings by name, without the length of the run.
        recipe: A name in `RECIPES`.
        info: The facts about the data set, if its row in `DATASETS` has none.
        budget: The arithmetic.

    Raises:
        SettingError: If a setting is wrong, or the budget is less than half an update.
    """
    whole = _of_the_recipes_length(settings, recipe, info)
    length = whole.train.train_steps
    steps = _nearest(budget.macs * length / run_macs(whole))
    if steps < 1:
        raise SettingError(
            f"budget must be at least one update, {run_macs(whole) // length:,} "
            f"multiply-adds, received {budget.macs:,}"
        )
    shares = {name: value / length for name, value in _durations(whole).items()}
    for name, epochs in _DURATIONS.items():
        if epochs in settings:
            shares[name] = settings[epochs] / budget.epochs
    values = {
        **_without(settings, STEPS_OF),
        **{name: _nearest(share * steps) for name, share in shares.items()},
        _LENGTH: steps,
    }
    return ExperimentConfig.from_flat(values, recipe, info)


def with_reports_of(
    base: ExperimentConfig, config: ExperimentConfig
) -> ExperimentConfig:
    """Returns an experiment with as many reports as the base has.

    Args:
        base: The base, with the arithmetic of the same budget.
        config: The experiment.
    """
    stretch = config.train.train_steps / base.train.train_steps
    freq = max(1, _nearest(base.train.report_freq * stretch))
    return replace(config, train=replace(config.train, report_freq=freq))


def _of_the_recipes_length(
    settings: Mapping[str, Any], recipe: str, info: DatasetInfo | None
) -> ExperimentConfig:
    """Returns the experiment with the length and the durations of its recipe."""
    values = _without(settings, STEPS_OF.keys() | _NEED_A_WARMUP)
    return ExperimentConfig.from_flat(values, recipe, info)


def _durations(config: ExperimentConfig) -> dict[str, int]:
    """Returns the durations that have an effect, in updates."""
    optimizer = config.optimizer
    stepped = optimizer.schedule == "step"
    names = [*(_OF_STEP_SCHEDULE if stepped else ()), "warmup_steps"]
    found = {name: getattr(optimizer, name) for name in names}
    return found if found["warmup_steps"] else _without(found, {"warmup_steps"})


def _without(values: Mapping[str, Any], names: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _nearest(number: float) -> int:
    """Returns the nearest integer; halves are rounded up, as for epochs of a run."""
    return math.floor(number + 0.5)
