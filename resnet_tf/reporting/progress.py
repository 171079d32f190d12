"""Prints the progress lines and the closing lines of a run."""

import sys
import time
from typing import Any

from resnet_tf.runs.history import Row
from resnet_tf.shell import word
from resnet_tf.streams import Terminal


class Progress:
    """Prints one line per report; on a terminal also a live line between reports.

    Args:
        train_steps: Number of updates in the run.
        start_step: Update at which this process starts or resumes.
        n_validation: Number of validation images, printed after their error.
    """

    def __init__(self, train_steps: int, start_step: int, n_validation: int):
        self._train_steps = train_steps
        self._start_step = start_step
        self._n_validation = n_validation
        self._start = time.monotonic()
        self._moving = sys.stdout.isatty()

    def moved(self, step: int, images_per_second: float) -> None:
        """Updates the live line between two reports, on a terminal only."""
        if self._moving:
            line = (
                f"{self._position(step)} | {images_per_second:,.0f} images/s | "
                f"{self._time_left(step)} left"
            )
            sys.stdout.write(Terminal(f"\r{line}\x1b[K"))
            sys.stdout.flush()

    def report(self, row: Row) -> None:
        """Prints a report."""
        parts = [
            self._position(row.step),
            f"loss {row.train_loss:.4f}",
            f"train error {row.train_error:.2f} %",
        ]
        if row.validation_error is not None:
            parts.append(
                f"validation error {row.validation_error:.2f} % "
                f"(n = {self._n_validation})"
            )
        parts += [
            f"rate {row.learning_rate:.4g}",
            f"{row.images_per_second:,.0f} images/s",
            f"{self._time_left(row.step)} left",
        ]
        if self._moving:
            sys.stdout.write(Terminal("\r\x1b[K"))
        print(" | ".join(parts), flush=True)

    def _position(self, step: int) -> str:
        width = len(str(self._train_steps))
        return f"step {step:{width}d}/{self._train_steps}"

    def _time_left(self, step: int) -> str:
        done = step - self._start_step
        seconds = (time.monotonic() - self._start) / max(done, 1)
        return duration(seconds * (self._train_steps - step))


def duration(seconds: float) -> str:
    """Returns a duration in its two largest units, e.g. "1 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def closing(summary: dict[str, Any], run_dir: str, data_dir: str | None) -> list[str]:
    """Returns the last lines of a run: the errors and the command to try next.

    With several workers, the chief returns these lines, and every worker returns a line
    with the SHA-256 of its weights.

    Args:
        summary: Return value of `train`.
        run_dir: The folder of the run.
        data_dir: The folder of the images, or None.
    """
    worker = summary.get("worker")
    lines = [] if worker else [_errors(summary), _next(run_dir, data_dir)]
    if worker is not None:
        digest = summary["weights_sha256"]
        workers = summary["num_workers"]
        lines.append(f"worker {worker} of {workers}: SHA-256 of the weights {digest}")
    return lines


def _errors(summary: dict[str, Any]) -> str:
    parts = [
        f"{split} error {summary[f'{split}_error']:.2f} % (n = {summary[f'n_{split}']})"
        for split in ("validation", "test")
        if f"{split}_error" in summary
    ]
    return f"{', '.join(parts)}, {summary['seconds']:.0f} s of training"


def _next(run_dir: str, data_dir: str | None) -> str:
    where = f" --data_dir={word(data_dir)}" if data_dir else ""
    command = f"python eval.py --ckpt {word(run_dir)}{where}"
    return f"everything is in {run_dir}; try: {command}"
