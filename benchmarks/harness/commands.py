"""Measures the waiting time for whole commands, each in a fresh process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIRST_REPORT = (
    "--recipe=onecycle",
    "--num_residual_blocks=3",
    "--train_steps=1",
    "--report_freq=1",
    "--validation_size=0",
)


def waiting_times(dataset: str, precision: str, quick: bool) -> dict[str, list[float]]:
    """Returns the waiting times in seconds, by command.

    The commands are `--help` of both scripts (with `quick` once, and nothing else), the
    first report of ResNet-20 (one update and its checkpoint, with the data in the
    cache), and 1,000 predictions of the released ResNet-20.

    Args:
        dataset: Data set for the first report.
        precision: Precision of the first report.
        quick: Whether to skip slow commands.
    """
    waits = {
        f"{script} --help": _seconds(1 if quick else 3, _script(script, "--help"))
        for script in ("train.py", "eval.py")
    }
    if quick:
        return waits
    flags = (f"--dataset={dataset}", f"--mixed_precision={precision}")
    training = _script("train.py", *flags, *FIRST_REPORT)
    _seconds(1, training)
    waits["first report of resnet20"] = _seconds(3, training, until="step 1/1 ")
    predictions = [sys.executable, "-m", "harness.predictions"]
    waits["1,000 predictions of resnet20"] = _seconds(3, predictions)
    return waits


def _script(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / name), *arguments]


def _seconds(times: int, command: list[str], until: str = "") -> list[float]:
    """Returns the seconds of each run of a command, in an empty folder each time.

    Args:
        times: Number of runs.
        command: The command.
        until: Start of the output line at which the time ends; if "", the time ends
            with the command.

    Raises:
        RuntimeError: If the command fails.
    """
    return [_once(command, until) for _ in range(times)]


def _once(command: list[str], until: str) -> float:
    paths = [str(ROOT / "benchmarks"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile(mode="w+") as errors,
    ):
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        seconds = None
        with process.stdout as lines:
            for line in lines:
                if until and line.startswith(until) and seconds is None:
                    seconds = time.monotonic() - start
        if process.wait():
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed: {errors.read()[-500:]}")
    return time.monotonic() - start if seconds is None else seconds
