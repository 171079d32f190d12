"""Reads finished runs from their folders and groups them by network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from resnet_tf.checkpoints.files import (
    CONFIG,
    read_config,
    require_file,
)
from resnet_tf.checkpoints.schema import require_report
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.data.sources import load_split, require_classes
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import Row, read_history

if TYPE_CHECKING:
    from resnet_tf.evaluation.full_pass import Result


class AnyRun(Protocol):
    """What groups runs: their settings, and a path for messages."""

    @property
    def config(self) -> ExperimentConfig:
        """The settings of the run."""

    @property
    def path(self) -> Path:
        """The folder or the file of the run."""


Run = TypeVar("Run", bound=AnyRun)


@dataclass(frozen=True)
class FinishedRun:
    """A finished run.

    Attributes:
        folder: The run folder, with its config.
        summary: Content of the run's `summary.json`.
        history: Reports of the run.
        bytes: Size of the weights on disk.
    """

    folder: RunFolder
    summary: dict[str, Any]
    history: list[Row]
    bytes: int

    @property
    def config(self) -> ExperimentConfig:
        """The settings of the run."""
        return self.folder.config

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path


def read_run(path: Path) -> FinishedRun:
    """Returns the run in a folder.

    Raises:
        CheckpointError: If the folder is not a run folder, the run is not finished, or
            its weights, metrics, summary or history are missing or damaged.
    """
    folder = RunFolder(path, read_config(path / CONFIG))
    summary = folder.summary()
    if summary is None:
        raise CheckpointError(f"run {path} must be finished, it has no summary.json")
    size = len(open_checkpoint(path).weights.content)
    return FinishedRun(folder, summary, _reports(folder.history, summary), size)


def _reports(path: Path, summary: Mapping[str, Any]) -> list[Row]:
    """Returns all reports of a finished run.

    Raises:
        CheckpointError: If a report is missing or damaged.
    """
    require_file(path)
    try:
        rows = read_history(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    last = rows[-1].step if rows else 0
    if last != summary["step"]:
        raise CheckpointError(
            f"{path} must have reports up to step {summary['step']}, received reports "
            f"up to step {last}"
        )
    for row in rows:
        require_report(f"{path}, step {row.step}", asdict(row))
    return rows


def by_network(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Returns the runs by the label of their network, ordered by seed.

    Runs belong to one network if their settings differ only in the seed. A label is the
    network's name, followed by the settings that distinguish networks with this name.

    Raises:
        SettingError: If the runs are for different data sets, or two runs of a network
            have the same seed.
    """
    groups: list[list[Run]] = []
    for run in runs:
        for group in groups:
            if not _differing(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    datasets = {group[0].config.data.dataset for group in groups}
    if len(datasets) > 1:
        raise SettingError(f"the runs must share a data set, received {datasets}")
    return {_label(group, groups): _by_seed(group) for group in groups}


def on_test_images(run: FinishedRun, data: Mapping[str, Any]) -> Result:
    """Returns the outputs of a run's network for the test images.

    Args:
        run: A finished run; its last weights are used.
        data: Data settings that override the run's settings, e.g. `data_dir`.

    Raises:
        CheckpointError: If its weights are damaged.
        DataError: If the images are not available, or have other classes.
        DivergedError: If an output is not finite.
    """
    config = replace(run.config.data, **data)
    images = load_split(config, "test")
    require_classes(images, run.config.model.num_classes, run.folder.class_names())
    # This module imports TensorFlow.
    from resnet_tf.evaluation.full_pass import checkpoint_pass, finite

    full_pass = checkpoint_pass(run.folder.path, config)
    result = full_pass(images, run.config.train.test_batch_size)
    finite(result.logits, f"the test split, of {run.folder.path}")
    return result


def _differing(a: AnyRun, b: AnyRun) -> dict[str, tuple[Any, Any]]:
    found = differences(a.config, b.config)
    found.pop("seed", None)
    # The native kernels differ only in the rounding of sums.
    if all(kernels.startswith("native_") for kernels in found.get("kernels", ())):
        found.pop("kernels", None)
    return found


def _name(run: AnyRun) -> str:
    return run.config.model.title


def _label(group: Sequence[AnyRun], groups: Sequence[Sequence[AnyRun]]) -> str:
    first = group[0]
    namesakes = [
        other[0]
        for other in groups
        if other is not group and _name(other[0]) == _name(first)
    ]
    own = {
        name: mine
        for other in namesakes
        for name, (mine, _) in _differing(first, other).items()
    }
    settings = ", ".join(f"{name}={value}" for name, value in own.items())
    return f"{_name(first)} ({settings})" if settings else _name(first)


def _by_seed(group: list[Run]) -> list[Run]:
    runs = sorted(group, key=lambda run: run.config.train.seed)
    for one, other in zip(runs, runs[1:], strict=False):
        if one.config.train.seed == other.config.train.seed:
            raise SettingError(
                "the runs of a network must have different seeds, received "
                f"{one.path} and {other.path}"
            )
    return runs
