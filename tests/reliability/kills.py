"""Kills one training again and again, and compares the end with an undisturbed one.

    python -m tests.reliability.kills --json_output=docs/reliability/kills.json
    python -m tests.reliability.kills --kills=3

Every kill is a `kill -9` of the process that trains a small network on the embedded
digits: after a random update, or while it writes a checkpoint. The next process must
resume from the newest whole checkpoint. At the end every variable and every report must
equal, bit for bit, the ones of a training that nobody killed. If not, the exit code
is 1.
"""

import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from absl import app, flags

from benchmarks.harness.arguments import require_no_arguments
from benchmarks.harness.paths import command
from benchmarks.harness.record import make_room, write
from resnet_tf.config import ExperimentConfig
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow
from resnet_tf.training.legs import End, Legs, leftovers, resumed_from

REPORT_FREQ, REPORTS_A_KILL = 4, 2
LONGEST_DELAY = 0.1  # seconds

flags.DEFINE_integer("kills", 50, "Kills of the one training.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Seed of the kills and of the training.", lower_bound=0)
flags.DEFINE_string("json_output", None, "File for the result.")


def main(argv) -> int:
    """Trains twice, kills one, compares and writes the record."""
    require_no_arguments(argv)
    values = flags.FLAGS
    make_room(values.json_output)
    config = experiment(values.kills, values.seed)
    ends = draw(values.kills, values.seed)
    with tempfile.TemporaryDirectory() as folder:
        result = trial(config, ends, Path(folder))
    record = {
        "command": command("-m tests.reliability.kills", sys.argv[1:]),
        "seed": values.seed,
        **provenance(),
        "settings": config.to_dict(),
        **result,
    }
    write(record, values.json_output)
    print(
        f"{result['resumed']} of {result['n']} kills resumed from the newest whole "
        f"checkpoint; {result['variables']} variables "
        f"{'equal, bit for bit' if result['equal'] else 'DIFFER'}"
    )
    return 0 if result["resumed"] == result["n"] and result["equal"] else 1


def experiment(kills: int, seed: int) -> ExperimentConfig:
    """Returns a training with a few updates for each kill."""
    settings = {
        "seed": seed,
        "train_steps": kills * REPORTS_A_KILL * REPORT_FREQ,
        "train_batch_size": 16,
        "report_freq": REPORT_FREQ,
    }
    return ExperimentConfig.from_flat(settings, "quickstart")


def draw(kills: int, seed: int) -> list[End]:
    """Returns the ends of the legs, in order, at most one between two reports.

    A third of the kills come while a checkpoint is written.
    """
    generator = random.Random(seed)
    intervals = generator.sample(range(kills * REPORTS_A_KILL), kills)
    ends = []
    for number, interval in enumerate(sorted(intervals)):
        step = interval * REPORT_FREQ + generator.randint(1, REPORT_FREQ)
        delay = generator.uniform(0, LONGEST_DELAY)
        how = "kill_writing" if number % 3 == 2 else "kill"
        ends.append(End(step, how, delay if how == "kill_writing" else 0.0))
    return ends


def trial(config: ExperimentConfig, ends: list[End], folder: Path) -> dict[str, Any]:
    """Returns the outcome of each kill, and the comparison of the two trainings.

    Args:
        config: The training.
        ends: Its kills.
        folder: An empty folder.

    Raises:
        RuntimeError: If a process ends otherwise than it should.
    """
    straight, killed = folder / "straight", folder / "killed"
    _leg(Legs(config, straight), None, folder / "straight.log")
    import_tensorflow()
    from resnet_tf.runs.equal import compare
    from resnet_tf.runs.folder import STATES
    from resnet_tf.runs.state import fault, states, step_of

    legs, log, kills = Legs(config, killed), folder / "killed.log", []
    for end in [*ends, None]:
        _leg(legs, end, log)
        if kills:
            kills[-1]["resumed_from"] = resumed_from(log)
            _print(len(kills), kills[-1])
        if end:
            whole = [s for s in states(killed / STATES) if not fault(s)]
            kills.append({
                "how": end.how,
                "after_update": end.step,
                "delay": end.delay,
                "half_written": leftovers(killed),
                "newest_checkpoint": step_of(whole[-1]) if whole else 0,
            })  # fmt: skip
    resumed = sum(k["resumed_from"] == k["newest_checkpoint"] for k in kills)
    facts = {"n": len(kills), "resumed": resumed}
    facts["with_checkpoint"] = sum(k["newest_checkpoint"] > 0 for k in kills)
    facts["while_writing"] = sum(bool(k["half_written"]) for k in kills)
    return {**facts, **compare(straight, killed), "kills": kills}


def _leg(legs: Legs, end: End | None, log: Path) -> None:
    expected = 0 if end is None else -signal.SIGKILL
    code = legs.run(end, log)
    if code != expected:
        raise RuntimeError(f"a leg must exit with {expected}, received {code}")


def _print(number: int, kill: dict[str, Any]) -> None:
    print(
        f"{number:>3} {kill['how']:<12} after {kill['after_update']:>4}, resumed from "
        f"{kill['resumed_from']:>4}, {len(kill['half_written'])} half written",
        flush=True,
    )


if __name__ == "__main__":
    app.run(main)
