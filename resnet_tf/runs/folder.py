"""One run, one folder: whose it is, whether it is finished, what it holds."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    read_config,
    read_json,
    write_json,
)
from resnet_tf.checkpoints.metrics import read_metrics
from resnet_tf.checkpoints.schema import require_summary
from resnet_tf.config import DATASETS, ExperimentConfig, differences
from resnet_tf.config.fields import flag_value
from resnet_tf.disk import PARTIAL
from resnet_tf.errors import CheckpointError, ResnetTfError, RunFolderError
from resnet_tf.ownership import require_own
from resnet_tf.runs.extend import continued, extends, other_way, replace_config
from resnet_tf.runs.lock import LOCK, locked

# The names in the folder of a run that others read too.
HISTORY, STATES, SUMMARY = "history.csv", "checkpoints", "summary.json"
DATA = "data.json"
# What a run that is killed at once leaves.
_BEGINNINGS = (LOCK, f"{PARTIAL}*{CONFIG}")
# A file of a run while it is written, see `replacing`.
_NAMES = "|".join(map(re.escape, (CONFIG, DATA, HISTORY, METRICS, SUMMARY, WEIGHTS)))
_LEFTOVER = re.compile(rf"{re.escape(PARTIAL)}(\d+\.)?({_NAMES})")


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder; it need not exist.
        config: The experiment that wants to run in it.

    Attributes:
        path: As given.
        config: As given, with the kernels that the folder records where it leaves
            them open.

    Raises:
        CheckpointError: If another experiment has run in the folder.
        RunFolderError: If the path is no folder, or one that no run has made: what
            lies there is named, and stays.
    """

    def __init__(self, path: Path, config: ExperimentConfig):
        self.path = path
        self.config = config
        self._require_own()

    @property
    def history(self) -> Path:
        """The reports."""
        return self.path / HISTORY

    @property
    def tensorboard(self) -> Path:
        """The TensorBoard log folder."""
        return self.path / "tensorboard"

    @property
    def curves(self) -> Path:
        """The picture of the history."""
        return self.path / "curves.png"

    @property
    def data(self) -> Path:
        """The record of the images, see `RunData`."""
        return self.path / DATA

    @property
    def states(self) -> Path:
        """The states from which the run goes on."""
        return self.path / STATES

    @property
    def best(self) -> Path:
        """The checkpoint with the smallest validation error."""
        return self.path / "best"

    def appears(self, seconds: float) -> bool:
        """Tells whether the folder has its config, or gets it within so many seconds:
        what another machine writes may be late."""
        end = time.monotonic() + seconds
        while not os.path.exists(self.path / CONFIG) and time.monotonic() < end:
            time.sleep(0.5)
        return os.path.exists(self.path / CONFIG)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder, holds its lock, and brings it in order: what a kill left
        half written is removed, and the config is written. A new folder is gone again
        if an error comes before there is anything to keep.

        Raises:
            CheckpointError: If another experiment has run in it meanwhile.
            RunFolderError: If another process holds it, or it cannot be written.
        """
        with contextlib.ExitStack() as stack:
            with self.writing():
                stack.enter_context(_made(self.path))
                stack.enter_context(locked(self.path))
                if not os.path.exists(self.path / CONFIG):
                    stack.enter_context(self._taken_back())
                self._require_own()
                for folder in (self.path, self.best):
                    for leftover in _leftovers(folder):
                        leftover.unlink()
                # Its SHA-256 stands beside weights: an equal config keeps its bytes.
                if not (self.path / CONFIG).exists():
                    write_json(self.path / CONFIG, self.config.to_dict())
                elif differences(read_config(self.path / CONFIG), self.config):
                    (self.path / SUMMARY).unlink(missing_ok=True)
                    replace_config(self.path, self.config)
            yield

    @contextlib.contextmanager
    def _taken_back(self) -> Iterator[None]:
        """After an error, removes what `held` wrote, if nothing else has come."""
        before = set(os.listdir(self.path))
        try:
            yield
        except BaseException:
            if set(os.listdir(self.path)) <= before | {CONFIG, LOCK}:
                for name in (CONFIG, LOCK):
                    (self.path / name).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """For work that writes into the folder.

        Raises:
            RunFolderError: Instead of an `OSError`.
        """
        try:
            yield
        except ResnetTfError:
            raise
        except OSError as error:
            raise RunFolderError(
                f"run folder {self.path} cannot be written: "
                f"{error.strerror or error}; what was saved before stays, and the "
                "same command goes on from it"
            ) from error

    def settle(self, config: ExperimentConfig, write: bool) -> None:
        """Takes the config that says which kernels compute.

        Args:
            config: The experiment, equal but for its kernels.
            write: Whether to record it; the caller then holds the folder.

        Raises:
            RunFolderError: If it cannot be written.
        """
        self.config = config
        if write and differences(read_config(self.path / CONFIG), config):
            with self.writing():
                replace_config(self.path, config)

    def class_names(self) -> list[str] | None:
        """Returns the names of the classes that it was trained on so far, None before
        its first weights are saved."""
        path = self.path / METRICS
        return read_metrics(path).get("class_names") if path.exists() else None

    def summary(self) -> dict[str, Any] | None:
        """Returns the summary if all updates of the config are done, else None.

        Raises:
            CheckpointError: If it is damaged.
        """
        path = self.path / SUMMARY
        if not os.path.exists(path):
            return None
        summary = read_json(path)
        require_summary(path, summary)
        # A run that ended may go on to more updates.
        return summary if summary["step"] >= self.config.train.train_steps else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes the summary: the run is finished."""
        write_json(self.path / SUMMARY, summary)

    def _require_own(self) -> None:
        """Raises unless the folder is new, empty or of this experiment."""
        require_own(self.path, "--run_dir", _is_run, _BEGINNINGS, RunFolderError)
        self._refuse_another_experiment()
        self._refuse_weights_of_no_run()

    def _refuse_weights_of_no_run(self) -> None:
        """Imported and released weights have a config too: a run would replace them."""
        found = set(os.listdir(self.path)) if os.path.isdir(self.path) else set()
        if WEIGHTS in found and found.isdisjoint({LOCK, STATES, SUMMARY}):
            raise RunFolderError(
                f"--run_dir must be new, empty or a run, received {self.path}, which "
                f"holds {WEIGHTS} of no run; --init_from starts from it"
            )

    def _refuse_another_experiment(self) -> None:
        if not os.path.exists(self.path / CONFIG):
            return
        found = read_config(self.path / CONFIG)
        self.config = continued(found, self.config)
        differing = differences(found, self.config)
        if differing and not extends(found, self.config):
            listed = ", ".join(
                f"{name} ({old!s:.80} there, {new!s:.80} here)"
                for name, (old, new) in differing.items()
            )
            # Both follow from the number of images where the user does not say.
            counted = {"validation_size", "train_steps"} & differing.keys()
            if counted and DATASETS[self.config.data.dataset].of_folders:
                listed += "; the number of images in data_dir may have changed"
            raise CheckpointError(
                f"run folder {self.path} belongs to another experiment: {listed}; "
                f"{other_way(self.path, found, self.config)}{_or_go_on(differing)}"
            )


def _or_go_on(differing: dict[str, tuple[Any, Any]]) -> str:
    """Returns the flags with which the same command goes on in the folder.

    Args:
        differing: What `differences` returned for the folder and the command.

    Returns:
        The end of a sentence; "" for another recipe or network, or where no flag
        gives a setting the value in the folder.
    """
    old = {name: there for name, (there, _) in differing.items()}
    if {"recipe", "model"} & old.keys() or None in old.values():
        return ""
    flags = " ".join(f"--{name}={flag_value(value)}" for name, value in old.items())
    return f", or go on in this one with {flags}"


def _is_run(folder: Path) -> bool:
    """Tells whether this package has made a folder: its config can be read, or is
    damaged and lies beside other files of a run."""
    found = set(os.listdir(folder))
    if CONFIG not in found:
        return False
    try:
        read_config(folder / CONFIG)
    except CheckpointError:
        return not found.isdisjoint({LOCK, METRICS, WEIGHTS})
    return True


def _leftovers(folder: Path) -> list[Path]:
    """Returns the files that a kill has left half written in a folder."""
    return [
        path
        for path in folder.glob(f"{PARTIAL}*")
        if _LEFTOVER.fullmatch(path.name) and not path.is_dir()
    ]


@contextlib.contextmanager
def _made(path: Path) -> Iterator[None]:
    """Makes a folder and those above it; after an error, removes the new empty ones."""
    new = [each for each in (path, *path.parents) if not os.path.exists(each)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # one that holds something stays
            for each in new:
                each.rmdir()
        raise
