"""How many updates go into one call of the compiled loop."""

import math


class Pace:
    """Chooses the updates of a call so that it lasts one to two seconds.

    Python is awake only between calls: long calls cost less overhead, short ones
    show progress and react to signals. The weights do not depend on it.

    Args:
        report_freq: The calls of one report together have this many updates.
        steps_per_call: A fixed number, or 0 to measure: the first call (which
            compiles) does one update, the second a few, and the others as many
            as last one to two seconds and, where that is possible, divide
            `report_freq`.
    """

    _TARGET_SECONDS = 1.5
    _TRIAL_STEPS = 3

    def __init__(self, report_freq: int, steps_per_call: int):
        self._report_freq = report_freq
        self._steps = steps_per_call or 1
        self._calls_to_measure = 0 if steps_per_call else 2

    def next_call(self, step: int, train_steps: int) -> int:
        """Returns the updates of the next call: up to a report, or the end."""
        to_report = self._report_freq - step % self._report_freq
        return min(self._steps, to_report, train_steps - step)

    def measured(self, steps: int, seconds: float) -> None:
        """Takes note of a finished call."""
        if self._calls_to_measure == 0:
            return
        self._calls_to_measure -= 1
        if self._calls_to_measure == 1:
            self._steps = self._TRIAL_STEPS
        else:
            self._steps = self._steps_for(steps / seconds)

    def _steps_for(self, steps_per_second: float) -> int:
        """Returns the divisor of `report_freq` nearest to the target among those
        that last one to two seconds; where there is none, nearly equal parts."""
        total, target = self._report_freq, self._TARGET_SECONDS * steps_per_second
        window = range(math.ceil(target / 1.5), min(int(target / 0.75), total) + 1)
        divisors = [steps for steps in window if steps and total % steps == 0]
        if divisors:
            return min(divisors, key=lambda steps: abs(steps - target))
        calls = max(1, round(total / target))
        return math.ceil(total / calls)
