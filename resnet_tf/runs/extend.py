"""Extending a run to more updates than it was started with."""

from pathlib import Path

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    json_text,
    read_metrics,
    write_json,
)
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.config.fields import AUTO
from resnet_tf.disk import replacing, sha256
from resnet_tf.shell import word

_LENGTH = "train_steps"
_MAY_DIFFER = {_LENGTH, "decay_step0", "decay_step1"}


def extends(before: ExperimentConfig, now: ExperimentConfig) -> bool:
    """Returns whether `now` is `before` with more updates.

    The learning rate of each of the `train_steps` updates of `before`, done or not,
    must be the same in `now`. With the schedule "step" this holds if the warm-up has
    the same number of updates and each drop before the last update of `before` stays.
    The average of the weights and Lookahead's slow weights are part of the state, so
    they go on as in one long run.

    Args:
        before: The experiment of a run folder.
        now: The experiment to run there.
    """
    if not _only_longer_or_shorter(before, now):
        return False
    past = _past(before, before.train.train_steps)
    return past is not None and past == _past(now, before.train.train_steps)


def continued(before: ExperimentConfig, now: ExperimentConfig) -> ExperimentConfig:
    """Returns `now` with the kernels of `before` if it does not name any.

    A run keeps the kernels that it recorded: other kernels give other bits.

    Args:
        before: The experiment of a run folder.
        now: The experiment to run there.
    """
    asked, recorded = now.train.kernels, before.train.kernels
    if asked == AUTO or recorded.startswith(f"{asked}_"):
        return now.with_kernels(recorded)
    return now


def _past(config: ExperimentConfig, done: int) -> tuple[int, ...] | None:
    """Returns the settings that determine the rates of the first `done` updates.

    Returns None if the run has fewer updates, or if every rate depends on their number.
    """
    steps, optimizer = config.train.train_steps, config.optimizer
    if done > steps or optimizer.schedule != "step":
        return None
    warmup = optimizer.warmup_steps or round(optimizer.warmup_fraction * steps)
    late = int(optimizer.first_decay_late)
    drops = (optimizer.decay_step0 + late, optimizer.decay_step1 + late)
    return warmup, *(min(drop, done) for drop in drops)


def other_way(folder: Path, before: ExperimentConfig, now: ExperimentConfig) -> str:
    """Returns a hint for the user if `now` cannot run in the folder of `before`."""
    way = "give another --run_dir"
    if before.model == now.model and (folder / METRICS).exists():
        way += f", and --init_from={word(folder)} to start from its weights"
    if not _only_longer_or_shorter(before, now):
        return way
    if now.train.train_steps < before.train.train_steps:
        return f"its updates cannot become fewer; {way}"
    return (
        f"the rates of updates that are done would change under "
        f"--schedule={now.optimizer.schedule}; {way}"
    )


def _only_longer_or_shorter(before: ExperimentConfig, now: ExperimentConfig) -> bool:
    names = differences(before, now).keys()
    return _LENGTH in names and names <= _MAY_DIFFER


def replace_config(folder: Path, config: ExperimentConfig) -> None:
    """Replaces the config of a run folder by one with more updates.

    The metrics contain the SHA-256 of the config, so both files are replaced together.

    Args:
        folder: The run folder.
        config: The experiment from now on.

    Raises:
        OSError: If the files cannot be written; the old files are then kept.
    """
    metrics = folder / METRICS
    if not metrics.exists():
        write_json(folder / CONFIG, config.to_dict())
        return
    with replacing(folder / CONFIG, metrics) as (settings, stated):
        settings.write_text(json_text(config.to_dict()), encoding="utf-8")
        values = {**read_metrics(metrics), "config_sha256": sha256(settings)}
        stated.write_text(json_text(values), encoding="utf-8")
