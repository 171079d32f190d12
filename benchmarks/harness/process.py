"""Processes that sleep between their turns."""

import dataclasses
import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.loop import CPUS, MODULES, Loop

from resnet_tf.reporting.provenance import without_folders

FOLDER = Path(__file__).resolve().parents[1]


class AbsentError(Exception):
    """A loop cannot run here; the message is the reason, without folders."""

    def __init__(self, reason: str):
        super().__init__(without_folders(reason))


class LoopProcess:
    """A loop in its own process, or in several processes in parallel.

    Args:
        loop: The loop to run.
        python: Path of the interpreter.
        timeout: Time limit of an answer in seconds.

    Attributes:
        facts: Facts that the loop reported at its start.
        peak_bytes: Increase of the peak resident memory since the start, in bytes, over
            all processes.

    Raises:
        AbsentError: If the loop cannot start.
    """

    def __init__(self, loop: Loop, python: str, timeout: float):
        self._start = time.monotonic()
        self._timeout = timeout
        self._folder = tempfile.TemporaryDirectory()
        self._processes: list[_Process] = []
        spec = {
            **dataclasses.asdict(loop),
            "processes": loop.processes,
            "meeting": str(Path(self._folder.name) / "meeting"),
        }
        try:
            for rank in range(loop.processes):
                told = {**spec, "rank": rank}
                module = MODULES[loop.side]
                self._processes.append(_Process(python, module, told, CPUS[loop.cpu]))
            self.facts = self._answers()[0]
        except BaseException:
            self.__exit__()
            raise
        self.peak_bytes = 0

    def turn(self, steps: int) -> float:
        """Runs `steps` steps after one untimed step, and returns their seconds.

        Raises:
            AbsentError: If a process ends or does not answer in time.
        """
        for process in self._processes:
            process.ask(steps)
        answers = self._answers()
        self.peak_bytes = sum(answer["peak_bytes"] for answer in answers)
        return max(answer["seconds"] for answer in answers)

    @property
    def age(self) -> float:
        """Seconds since the start of the process."""
        return time.monotonic() - self._start

    def __enter__(self) -> "LoopProcess":
        return self

    def __exit__(self, *_) -> None:
        for process in self._processes:
            process.stop()
        self._folder.cleanup()

    def _answers(self) -> list[dict[str, Any]]:
        deadline = time.monotonic() + self._timeout
        return [process.answer(deadline) for process in self._processes]


class _Process:
    def __init__(
        self, python: str, module: str, spec: dict[str, Any], cpu: dict[str, str]
    ):
        paths = [str(FOLDER), str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
        variables = {
            **os.environ,
            **cpu,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        self._errors = tempfile.TemporaryFile(mode="w+")
        try:
            self._process = subprocess.Popen(
                [python, "-m", module, json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=variables,
            )
        except OSError as error:
            self._errors.close()
            raise AbsentError(f"{Path(python).name}: {error.strerror}") from error

    def ask(self, steps: int) -> None:
        try:
            self._process.stdin.write(b"%d\n" % steps)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AbsentError(self._last_words()) from None

    def answer(self, deadline: float) -> dict[str, Any]:
        output = self._process.stdout
        left = max(0.0, deadline - time.monotonic())
        if not select.select([output], [], [], left)[0]:
            raise AbsentError("no answer in time")
        line = output.readline()
        if not line:
            raise AbsentError(self._last_words())
        values = json.loads(line)
        if "absent" in values:
            raise AbsentError(values["absent"])
        return values

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._errors.close()

    def _last_words(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"ended with code {code}" + "".join(f": {line}" for line in lines[-1:])
