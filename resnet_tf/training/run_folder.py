"""One run, one folder: whose it is, whether it is finished, what it holds."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    read_config,
    read_json,
    write_json,
)
from resnet_tf.checkpoints.metrics import read_metrics
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.disk import PARTIAL
from resnet_tf.errors import CheckpointError, ResnetTfError, RunFolderError
from resnet_tf.training.lock import LOCK, locked

# The names in the folder of a run that others read too.
HISTORY, STATES, SUMMARY = "history.csv", "checkpoints", "summary.json"


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder; it need not exist.
        config: The experiment that wants to run in it.

    Attributes:
        path: As given.
        config: As given.

    Raises:
        CheckpointError: If another experiment has run in the folder.
        RunFolderError: If the path is no folder.
    """

    def __init__(self, path: Path, config: ExperimentConfig):
        self.path = path
        self.config = config
        # Unlike `Path.exists`, false also for a name that no disk takes.
        if os.path.exists(path) and not path.is_dir():
            raise RunFolderError(f"--run_dir must be a folder, received {path}")
        self._refuse_another_experiment()

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
                self._refuse_another_experiment()
                for folder in (self.path, self.best):
                    for leftover in folder.glob(f"{PARTIAL}*"):
                        leftover.unlink()
                # Its SHA-256 stands beside weights: an equal config keeps its bytes.
                if not (self.path / CONFIG).exists():
                    write_json(self.path / CONFIG, self.config.to_dict())
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

    def class_names(self) -> list[str] | None:
        """Returns the names of the classes that it was trained on so far, None before
        its first weights are saved."""
        path = self.path / METRICS
        return read_metrics(path).get("class_names") if path.exists() else None

    def summary(self) -> dict[str, Any] | None:
        """Returns the summary of a finished run, else None."""
        path = self.path / SUMMARY
        return read_json(path) if os.path.exists(path) else None

    def finish(self, summary: dict[str, Any]) -> None:
        """Writes the summary: the run is finished."""
        write_json(self.path / SUMMARY, summary)

    def _refuse_another_experiment(self) -> None:
        if not os.path.exists(self.path / CONFIG):
            return
        found = read_config(self.path / CONFIG)
        differing = differences(found, self.config)
        if differing:
            listed = ", ".join(
                f"{name} ({old} there, {new} here)"
                for name, (old, new) in differing.items()
            )
            raise CheckpointError(
                f"run folder {self.path} belongs to another experiment: {listed}; "
                "give another --run_dir"
            )


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
