"""The number of updates in one call of the compiled loop."""

import math


class Pace:
    """Chooses the number of updates so that a call lasts one to two seconds.

    Python runs only between calls. Long calls have less overhead; short calls show
    progress and react to signals. The weights do not depend on the choice.

    Args:
        report_freq: Number of updates between two reports.
        steps_per_call: Fixed number of updates in a call, or 0 to measure. Then the
            first call, which compiles, does one update and the second a few. Later
            calls last one to two seconds; if possible, their number of updates divides
            `report_freq`.
    """

    _TARGET_SECONDS = 1.5
    _TRIAL_STEPS = 3

    def __init__(self, report_freq: int, steps_per_call: int):
        self._report_freq = report_freq
        self._steps = steps_per_call or 1
        self._calls_to_measure = 0 if steps_per_call else 2

    def next_call(self, step: int, train_steps: int) -> int:
        """Returns the number of updates in the next call: up to a report or the end."""
        to_report = self._report_freq - step % self._report_freq
        return min(self._steps, to_report, train_steps - step)

    def measured(self, steps: int, seconds: float) -> None:
        """Records the duration of a finished call."""
        if self._calls_to_measure == 0:
            return
        self._calls_to_measure -= 1
        if self._calls_to_measure == 1:
            self._steps = self._TRIAL_STEPS
        else:
            self._steps = self._steps_for(steps / seconds)

    def _steps_for(self, steps_per_second: float) -> int:
        """Returns the number of updates in a call.

        This is the divisor of `report_freq` nearest to the target duration, if any
        divisor lasts one to two seconds; else the size that splits a report into nearly
        equal calls.
        """
        total, target = self._report_freq, self._TARGET_SECONDS * steps_per_second
        window = range(math.ceil(target / 1.5), min(int(target / 0.75), total) + 1)
        divisors = [steps for steps in window if steps and total % steps == 0]
        if divisors:
            return min(divisors, key=lambda steps: abs(steps - target))
        calls = max(1, round(total / target))
        return math.ceil(total / calls)
