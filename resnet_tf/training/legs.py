"""Runs in legs: processes that are stopped or killed on the way, to test resuming."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resnet_tf.config import ExperimentConfig
from resnet_tf.disk import PARTIAL
from resnet_tf.training.process import exiting
from resnet_tf.training.train import train

# Patterns of files and states that are being written in a run folder.
_BEING_WRITTEN = (f"{PARTIAL}*", f"best/{PARTIAL}*", "checkpoints/*.partial")
_PRELOADED = ("resnet_tf.training.preload", "resnet_tf.training.loop")
_RESUMING = "resuming from step "
_LONGEST_WAIT = 30.0  # seconds


@dataclass(frozen=True)
class End:
    """How a leg ends.

    Attributes:
        step: Number of updates done when the leg ends.
        how: "stop": the run is saved, as after a signal. "kill": `kill -9` before
            anything is saved. "kill_writing": `kill -9` during the writing of the first
            report at or after `step`.
        delay: Seconds from the start of the writing to the kill.
    """

    step: int
    how: Literal["stop", "kill", "kill_writing"] = "stop"
    delay: float = 0.0


class Legs:
    """Starts the legs of a run by forking a process that has only imported TensorFlow.

    Args:
        config: The experiment.
        run_dir: The folder of the run.
        devices: Number of logical CPUs of a process.
    """

    def __init__(self, config: ExperimentConfig, run_dir: Path, devices: int = 1):
        self._arguments = config, run_dir, devices
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_PRELOADED))

    def run(self, end: End | None, log: Path) -> int:
        """Runs one leg, from the last state.

        Args:
            end: The end of the leg; None runs to the end of the run.
            log: File to which the output of the process is appended.

        Returns:
            The exit code: 0 if the run is finished, 75 if it was stopped and saved, the
            negative signal number if it was killed, else the code of an error, which
            the process has printed.
        """
        arguments = (*self._arguments, end, log)
        process = self._context.Process(target=_leg, args=arguments)
        process.start()
        process.join()
        return process.exitcode


def resumed_from(log: Path) -> int:
    """Returns the step from which the last leg in a log resumed, or 0."""
    lines = log.read_text(encoding="utf-8").splitlines()
    starts = [n for n, line in enumerate(lines) if " parameters" in line]
    for line in lines[starts[-1] :] if starts else ():
        if line.startswith(_RESUMING):
            return int(line.removeprefix(_RESUMING))
    return 0


def leftovers(run_dir: Path) -> list[str]:
    """Returns the names of partly written files and states in a run folder."""
    found = (path for pattern in _BEING_WRITTEN for path in run_dir.glob(pattern))
    return sorted(str(path.relative_to(run_dir)) for path in found)


def _leg(
    config: ExperimentConfig, run_dir: Path, devices: int, end: End | None, log: Path
) -> None:
    """Runs in the process of a leg."""
    with open(log, "a", encoding="utf-8") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
    _split_cpu(devices)
    until = end.step if end and end.how != "kill_writing" else None
    with exiting():
        train(config, run_dir, until=until, on_call=_killer(end, run_dir))


def _split_cpu(devices: int) -> None:
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(cpu, parts)


def _killer(end: End | None, run_dir: Path) -> Callable[[int], None] | None:
    if end is None or end.how == "stop":
        return None

    def on_call(step: int) -> None:
        if step < end.step:
            return
        if end.how == "kill":
            _kill()
        threading.Thread(target=_kill_writing, args=(run_dir, end), daemon=True).start()

    return on_call


def _kill_writing(run_dir: Path, end: End) -> None:
    start = time.monotonic()
    while not leftovers(run_dir) and time.monotonic() - start < _LONGEST_WAIT:
        time.sleep(1e-4)
    time.sleep(end.delay)
    _kill()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
