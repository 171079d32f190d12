"""Work in a separate process, so that its memory and its end do not affect ours."""

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

from resnet_tf import streams
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import ResnetTfError, StoppedError
from resnet_tf.training.signals import interrupting
from resnet_tf.training.train import train


def train_apart(config: ExperimentConfig, run_dir: Path) -> int:
    """Trains or resumes in another process; see `apart` for the exit code.

    Args:
        config: The experiment.
        run_dir: The folder of the run.
    """
    return apart(train, config, run_dir)


def apart(work: Callable[..., object], *arguments: object) -> int:
    """Calls a function in another process, and forwards signals to it.

    Args:
        work: A function of a module.
        *arguments: Its arguments.

    Returns:
        The exit code: 0 if it returned, 75 if it was stopped and has saved, the
        negative signal number if it was killed, else the code of an error, which the
        process has printed.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_call, args=(work, arguments)
    )
    process.start()
    with _passing_on(process):
        process.join()
    # A signal that arrives before the process can handle it ends the process, which has
    # nothing to save yet.
    if -process.exitcode in (signal.SIGINT, signal.SIGTERM):
        return StoppedError.exit_code
    return process.exitcode


@contextlib.contextmanager
def exiting() -> Iterator[None]:
    """Context that prints an error and ends the process with its exit code.

    A stop prints nothing: the parent process reports it.
    """
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


def _call(work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """Runs in the other process."""
    with exiting():
        work(*arguments)


@contextlib.contextmanager
def _passing_on(process: SpawnProcess) -> Iterator[None]:
    """Context that ignores Ctrl-C and forwards SIGTERM.

    A terminal sends Ctrl-C to both processes, so this one waits for the other. SIGTERM
    reaches only this process.
    """
    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
