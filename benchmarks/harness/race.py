"""Measures loops in turns, so that other load on the machine affects all equally."""

import dataclasses
import statistics
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from harness.loop import PRECISIONS, Loop
from harness.process import AbsentError, LoopProcess

CLEARLY_SLOWER = 0.85  # of the rate of the fastest variant's best turn
MOST = 2  # variants of a side and precision that qualify; limits the memory


@dataclass(frozen=True)
class Plan:
    """The length of a race.

    Attributes:
        rounds: Number of turns of each qualified loop.
        qualifying: Number of earlier rounds among the variants of a side. The best
            `MOST` qualify, without those that are clearly slower. With 0 all qualify.
        seconds: Length of a turn in seconds; a turn has at least one step.
        timeout: Time limit of a start or a turn in seconds.
    """

    rounds: int = 5
    qualifying: int = 2
    seconds: float = 2.0
    timeout: float = 600.0


@dataclass
class Result:
    """The result of a loop.

    Attributes:
        loop: The measured loop.
        samples: Rate of each turn: images, operations or bytes per second.
        facts: Facts that the loop reported, `first_step_seconds` (from the start of
            the process to the end of the first step) and `peak_bytes` (see `serve`).
        absent: Reason why the loop did not run (to the end), or "".
        qualified: Whether the loop ran to the end.
    """

    loop: Loop
    samples: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    absent: str = ""
    qualified: bool = False

    @property
    def median(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values."""
        return {
            **dataclasses.asdict(self.loop),
            "samples": self.samples,
            "qualified": self.qualified,
            **self.facts,
            **({"absent": self.absent} if self.absent else {}),
        }


def race(
    loops: Iterable[Loop],
    plan: Plan,
    python: Callable[[Loop], str],
    say: Callable[[str], None] = print,
) -> list[Result]:
    """Returns the results of the loops, in the same order.

    Args:
        loops: Loops to measure.
        plan: Length of the race.
        python: Returns the path of the interpreter for a loop.
        say: Called with a line about the start of each loop.

    Raises:
        ValueError: If the networks differ in their number of parameters.
    """
    with ExitStack() as stack:
        runners = [_Runner(loop, stack) for loop in loops]
        for variants in _groups(runners):
            for runner in variants:
                runner.start(plan, python(runner.result.loop))
                say(f"  {runner.result.loop.name}: {runner.result.absent or 'ready'}")
            _require_one_network([runner.result for runner in runners])
            if plan.qualifying and len(variants) > 1:
                _alternate(variants, plan.qualifying)
                _keep_the_best(variants)
        _alternate(runners, plan.rounds)
        for runner in runners:
            runner.result.qualified = runner.process is not None
    return [runner.result for runner in runners]


def heats(
    loops: Iterable[Loop], plan: Plan, python: Callable[[Loop], str]
) -> tuple[list[Result], list[Result]]:
    """Returns the results of all loops, and the results of a final.

    Each precision has its own race, because not all processes fit in memory. The
    fastest loop of each side runs again in the final: the samples by which it was
    chosen would favor the side with more variants.

    Args:
        loops: Loops to measure.
        plan: Length of each race.
        python: Returns the path of the interpreter for a loop.
    """
    loops = list(loops)
    results = []
    for precision in PRECISIONS:
        same = [loop for loop in loops if loop.precision == precision]
        results += race(same, plan, python)
    sides = {loop.side: None for loop in loops}
    best = [fastest(r for r in results if r.loop.side == side) for side in sides]
    return results, race([result.loop for result in best if result], plan, python)


def fastest(results: Iterable[Result]) -> Result | None:
    """Returns the qualified result with the highest median, or None."""
    qualified = [result for result in results if result.qualified]
    return max(qualified, key=lambda result: result.median, default=None)


class _Runner:
    """A loop in a race, with its process and its result so far."""

    def __init__(self, loop: Loop, stack: ExitStack):
        self.result = Result(loop)
        self.process: LoopProcess | None = None
        self._stack = stack
        self._steps = 1

    def start(self, plan: Plan, python: str) -> None:
        """Starts the process and chooses the number of steps in a turn."""
        result = self.result
        try:
            process = LoopProcess(result.loop, python, plan.timeout)
        except AbsentError as error:
            result.absent = str(error)
            return
        self.process = self._stack.enter_context(process)
        result.facts = dict(process.facts)
        seconds = self._turn()
        if seconds:
            result.facts["first_step_seconds"] = process.age - seconds
            self._steps = max(1, round(plan.seconds / seconds))

    def turn(self) -> None:
        """Adds a sample."""
        seconds = self._turn()
        if seconds:
            amount = self.result.facts["amount"]
            self.result.samples.append(self._steps * amount / seconds)

    def stop(self) -> None:
        """Ends the process."""
        self.process.__exit__()
        self.process = None

    def _turn(self) -> float | None:
        try:
            seconds = self.process.turn(self._steps)
        except AbsentError as error:
            self.result.absent = str(error)
            self.stop()
            return None
        self.result.facts["peak_bytes"] = self.process.peak_bytes
        return seconds


def _groups(runners: list[_Runner]) -> list[list[_Runner]]:
    """Returns the variants of each side, precision, work and data set."""
    groups: dict[tuple, list[_Runner]] = {}
    for runner in runners:
        loop = runner.result.loop
        key = loop.side, loop.precision, loop.work, loop.dataset
        groups.setdefault(key, []).append(runner)
    return list(groups.values())


def _alternate(runners: list[_Runner], rounds: int) -> None:
    """Gives every running process the given number of turns, in rounds."""
    for number in range(rounds):
        running = [runner for runner in runners if runner.process]
        # Each round starts with another loop.
        start = number % max(len(running), 1)
        for runner in running[start:] + running[:start]:
            runner.turn()


def _keep_the_best(variants: list[_Runner]) -> None:
    """Stops all but the best `MOST` variants, and clearly slower ones.

    The samples of the others are cleared.
    """
    best = {r: max(r.result.samples) for r in variants if r.process}
    ranked = sorted(best, key=best.get, reverse=True)
    for place, runner in enumerate(ranked):
        if place >= MOST or best[runner] < CLEARLY_SLOWER * best[ranked[0]]:
            runner.stop()
        else:
            runner.result.samples.clear()


def _require_one_network(results: list[Result]) -> None:
    counts = {
        result.loop.name: result.facts["parameters"]
        for result in results
        if "parameters" in result.facts
    }
    if len(set(counts.values())) > 1:
        raise ValueError(f"the networks must have equal parameters, received {counts}")
