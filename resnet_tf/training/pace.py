"""How many updates go into one call of the compiled loop."""


class Pace:
    """Chooses the updates of a call so that it lasts one to two seconds.

    Python is awake only between calls: long calls cost less overhead, short ones
    show progress and react to signals. The weights do not depend on it.

    Args:
        report_freq: The calls of one report together have this many updates.
        steps_per_call: A fixed number, or 0 to measure: the first call (which
            compiles) does one update, the second a few, and the others the
            divisor of `report_freq` that comes nearest to 1.5 seconds.
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
            self._steps = self._nearest_divisor(self._TARGET_SECONDS * steps / seconds)

    def _nearest_divisor(self, steps: float) -> int:
        total = self._report_freq
        divisors = [d for d in range(1, total + 1) if total % d == 0]
        return min(divisors, key=lambda d: abs(d - steps))
