"""Loops that take turns, round by round.

Whatever else the machine does falls on all of them alike.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from harness.loop import PRECISIONS, Loop
from harness.process import AbsentError, LoopProcess

CLEARLY_SLOWER = 0.85  # times the fastest variant's best turn
MOST = 2  # variants of a side and precision that go on, or memory runs out


@dataclass(frozen=True)
class Plan:
    """How long a race is.

    Attributes:
        rounds: Turns of each loop that is not dropped.
        qualifying: Rounds before these that the variants of a side have among
            themselves, after which the best `MOST` go on, or fewer where others
            are clearly slower; 0 drops none.
        seconds: Length of a turn; at least one step.
        timeout: Seconds that a start or a turn may take.
    """

    rounds: int = 5
    qualifying: int = 2
    seconds: float = 2.0
    timeout: float = 600.0


@dataclass
class Result:
    """What a loop did.

    Attributes:
        loop: What was measured.
        samples: Amount a second of each turn: images, operations or bytes.
        facts: What the loop said of itself; `first_step_seconds`, from the
            command to the end of the first step; `peak_bytes`, see `serve`.
        absent: Why the loop could not run (to the end), or "".
        qualified: Whether it ran to the end.
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
    """Returns what the loops did, in their order.

    Args:
        loops: What to measure.
        plan: How long.
        python: Returns the interpreter of a loop.
        say: Takes a line about each loop's start.

    Raises:
        ValueError: If the networks have not the same number of parameters.
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
    """Returns what the loops did, and then the fastest of each side in a final.

    Each precision has a race of its own, or all the processes would not fit into
    the memory. The final is always run anew: samples that a loop was chosen by
    flatter the side that had more of them to choose from.

    Args:
        loops, plan, python: See `race`.
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
    """A result in the making."""

    def __init__(self, loop: Loop, stack: ExitStack):
        self.result = Result(loop)
        self.process: LoopProcess | None = None
        self._stack = stack
        self._steps = 1

    def start(self, plan: Plan, python: str) -> None:
        """Starts the process and chooses how many steps fill a turn."""
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
    """Gives every process that runs so many turns, round by round."""
    for number in range(rounds):
        running = [runner for runner in runners if runner.process]
        # Another one begins each round: no loop always follows the same other.
        start = number % max(len(running), 1)
        for runner in running[start:] + running[:start]:
            runner.turn()


def _keep_the_best(variants: list[_Runner]) -> None:
    """Stops all but the best `MOST`, and of these what is clearly slower; the
    others' rounds begin anew."""
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
