"""A profile of some updates for TensorBoard: `--profile_steps`."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf


class StepProfile:
    """Context that profiles some updates of a run.

    Args:
        steps: START and END: the updates after START, up to END, are recorded; None
            records nothing.
        folder: TensorBoard's log folder; the profile is written to its
            `plugins/profile`.
    """

    def __init__(self, steps: Sequence[float] | None, folder: Path):
        self._start, self._end = map(int, steps) if steps else (0, 0)
        self._folder = folder
        self._running = False

    def __enter__(self) -> "StepProfile":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def next_border(self, step: int, last: int) -> int:
        """Returns the step at which the next call must end, at most `last`.

        Args:
            step: Number of updates done.
            last: Step at which the call would end without a profile.
        """
        borders = (self._start, self._end)
        return min([border for border in borders if border > step] + [last])

    def at(self, step: int) -> None:
        """Starts or ends the recording if it is due after `step` updates."""
        inside = self._start <= step < self._end
        if inside and not self._running:
            tf.profiler.experimental.start(str(self._folder))
            self._running = True
        elif not inside:
            self._stop()

    def _stop(self) -> None:
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
