"""A training in a process of its own: its memory is its own, and so is its end."""

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

from resnet_tf import streams
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import ResnetTfError, StoppedError
from resnet_tf.training.signals import interrupting
from resnet_tf.training.train import train


def train_apart(config: ExperimentConfig, run_dir: Path) -> int:
    """Trains, or goes on, in another process, and passes signals on to it.

    Args:
        config: The experiment.
        run_dir: The folder of the run.

    Returns:
        The exit code: 0 finished, 75 stopped and saved, another that of its error,
        which it has printed; negative the signal that killed it.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_train, args=(config, run_dir)
    )
    process.start()
    with _passing_on(process):
        process.join()
    # A signal that comes before the process can handle it ends it with nothing to save.
    if -process.exitcode in (signal.SIGINT, signal.SIGTERM):
        return StoppedError.exit_code
    return process.exitcode


@contextlib.contextmanager
def exiting() -> Iterator[None]:
    """Ends a process with the code of an error, after its line; a stop, which its
    parent knows of, needs none."""
    streams.prepare()
    try:
        with interrupting():
            yield
    except KeyboardInterrupt:
        sys.exit(StoppedError.exit_code)
    except ResnetTfError as error:
        if not isinstance(error, StoppedError):
            print(streams.error_line(str(error)), file=sys.stderr, flush=True)
        sys.exit(error.exit_code)


def _train(config: ExperimentConfig, run_dir: Path) -> None:
    """The task of the process."""
    with exiting():
        train(config, run_dir)


@contextlib.contextmanager
def _passing_on(process: SpawnProcess) -> Iterator[None]:
    """A terminal sends Ctrl-C to both processes: this one waits for the other.
    SIGTERM comes to this one alone."""
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
