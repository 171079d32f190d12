"""The folder of a run: who may use it, its files, and whether the run is finished."""

import contextlib
import os
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
    read_metrics,
    write_json,
)
from resnet_tf.checkpoints.schema import require_summary
from resnet_tf.config import DATASETS, ExperimentConfig, differences
from resnet_tf.config.fields import flag_value
from resnet_tf.disk import PARTIAL
from resnet_tf.errors import CheckpointError, ResnetTfError, RunFolderError
from resnet_tf.ownership import require_own
from resnet_tf.runs.extend import continued, extends, other_way, replace_config
from resnet_tf.runs.lock import LOCK, locked
from resnet_tf.runs.resume import half_written

# The names in the folder of a run that other modules read too.
HISTORY, STATES, SUMMARY = "history.csv", "checkpoints", "summary.json"
DATA = "data.json"
_FILES = (CONFIG, DATA, HISTORY, METRICS, SUMMARY, WEIGHTS)
# The files of a run that was killed at its start.
_BEGINNINGS = (LOCK, f"{PARTIAL}*{CONFIG}")


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder; it need not exist.
        config: The experiment that wants to run in it.

    Attributes:
        path: The folder.
        config: The experiment. Kernels that it leaves open are the recorded ones.

    Raises:
        CheckpointError: If another experiment has run in the folder.
        RunFolderError: If the path is not a folder, or holds files of no run. The
            message names a file; nothing is removed.
    """

    def __init__(self, path: Path, config: ExperimentConfig):
        self.path = path
        self.config = config
        self._require_own()

    @property
    def history(self) -> Path:
        """The CSV file of the reports."""
        return self.path / HISTORY

    @property
    def tensorboard(self) -> Path:
        """The TensorBoard log folder."""
        return self.path / "tensorboard"

    @property
    def curves(self) -> Path:
        """The picture of the learning curves."""
        return self.path / "curves.png"

    @property
    def data(self) -> Path:
        """The record of the images, see `RunData`."""
        return self.path / DATA

    @property
    def states(self) -> Path:
        """The folder of the states from which the run resumes."""
        return self.path / STATES

    @property
    def best(self) -> Path:
        """The folder of the checkpoint with the smallest validation error."""
        return self.path / "best"

    def appears(self, seconds: float) -> bool:
        """Tells whether the folder has its config, or gets it within a time.

        A file that another machine writes can appear late.

        Args:
            seconds: How long to wait.
        """
        end = time.monotonic() + seconds
        while not os.path.exists(self.path / CONFIG) and time.monotonic() < end:
            time.sleep(0.5)
        return os.path.exists(self.path / CONFIG)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder, holds its lock, and writes the config.

        Files that a kill left half written are removed. If an error comes before there
        is anything to keep, a new folder is removed again.

        Raises:
            CheckpointError: If another experiment has run in it in the meantime.
            RunFolderError: If another process holds the lock, or the folder cannot be
                written.
        """
        with contextlib.ExitStack() as stack:
            with self.writing():
                stack.enter_context(_made(self.path))
                stack.enter_context(locked(self.path))
                if not os.path.exists(self.path / CONFIG):
                    stack.enter_context(self._taken_back())
                self._require_own()
                for folder in (self.path, self.best):
                    for file in half_written(folder, _FILES):
                        file.unlink()
                # The metrics hold its SHA-256: an equal config keeps its bytes.
                if not (self.path / CONFIG).exists():
                    write_json(self.path / CONFIG, self.config.to_dict())
                elif differences(read_config(self.path / CONFIG), self.config):
                    (self.path / SUMMARY).unlink(missing_ok=True)
                    replace_config(self.path, self.config)
            yield

    @contextlib.contextmanager
    def _taken_back(self) -> Iterator[None]:
        """After an error, removes the files of `held` if no others were added."""
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
        """Turns an `OSError` of the work inside into one line.

        Raises:
            RunFolderError: If the folder cannot be written.
        """
        try:
            yield
        except ResnetTfError:
            raise
        except OSError as error:
            raise RunFolderError(
                f"run folder {self.path} cannot be written: "
                f"{error.strerror or error}; what was saved before stays, and the "
                "same command resumes from it"
            ) from error

    def settle(self, config: ExperimentConfig, write: bool) -> None:
        """Sets the config in which the kernels are chosen.

        Args:
            config: The experiment, which differs in its kernels alone.
            write: Whether to write it; the caller then holds the folder.

        Raises:
            RunFolderError: If the folder cannot be written.
        """
        self.config = config
        if write and differences(read_config(self.path / CONFIG), config):
            with self.writing():
                replace_config(self.path, config)

    def class_names(self) -> list[str] | None:
        """Returns the class names in the saved weights; None before the first ones."""
        path = self.path / METRICS
        return read_metrics(path).get("class_names") if path.exists() else None

    def summary(self) -> dict[str, Any] | None:
        """Returns the summary if all updates of the config are done, else None.

        Raises:
            CheckpointError: If the summary is damaged.
        """
        path = self.path / SUMMARY
        if not os.path.exists(path):
            return None
        summary = read_json(path)
        require_summary(path, summary)
        # A finished run can be extended to more updates.
        return summary if summary["step"] >= self.config.train.train_steps else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes the summary, which marks the run as finished."""
        write_json(self.path / SUMMARY, summary)

    def _require_own(self) -> None:
        """Raises unless the folder is new, empty or of this experiment."""
        require_own(self.path, "--run_dir", _is_run, _BEGINNINGS, RunFolderError)
        self._refuse_another_experiment()
        self._refuse_weights_of_no_run()

    def _refuse_weights_of_no_run(self) -> None:
        """Raises if the folder holds weights of no run, which a run would replace.

        Imported and released weights have a config too.
        """
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
            # Their defaults depend on the number of images.
            counted = {"validation_size", "train_steps"} & differing.keys()
            if counted and DATASETS[self.config.data.dataset].of_folders:
                listed += "; the number of images in data_dir may have changed"
            raise CheckpointError(
                f"run folder {self.path} belongs to another experiment: {listed}; "
                f"{other_way(self.path, found, self.config)}{_or_go_on(differing)}"
            )


def _or_go_on(differing: dict[str, tuple[Any, Any]]) -> str:
    """Returns the flags with which the same command resumes in the folder.

    Args:
        differing: The settings that differ, from `differences(folder, command)`.

    Returns:
        The end of a sentence. "" if the recipe or the network differs, or if no flag
        can set a value of the folder.
    """
    old = {name: there for name, (there, _) in differing.items()}
    if {"recipe", "model"} & old.keys() or None in old.values():
        return ""
    flags = " ".join(f"--{name}={flag_value(value)}" for name, value in old.items())
    return f", or resume this one with {flags}"


def _is_run(folder: Path) -> bool:
    """Tells whether this package made a folder.

    It did if the config can be read, or is damaged and other files of a run are there.
    """
    found = set(os.listdir(folder))
    if CONFIG not in found:
        return False
    try:
        read_config(folder / CONFIG)
    except CheckpointError:
        return not found.isdisjoint({LOCK, METRICS, WEIGHTS})
    return True


@contextlib.contextmanager
def _made(path: Path) -> Iterator[None]:
    """Makes a folder and its parents; after an error, removes the new empty ones."""
    new = [each for each in (path, *path.parents) if not os.path.exists(each)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # a folder with files stays
            for each in new:
                each.rmdir()
        raise
