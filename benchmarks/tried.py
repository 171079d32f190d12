"""Measures what was tried for speed, each next to what it would replace.

    python benchmarks/tried.py --json_output=docs/benchmarks/tried.json
    python benchmarks/tried.py --quick

The two of a pair take turns, so that whatever else the machine does falls on both
alike: kernels in this process, settings of a process in two or more of their own.
`--quick` takes small batches, short turns and one network.
"""

import sys
from typing import Any

from absl import app, flags
from harness.arguments import require_no_arguments
from harness.machine import environment
from harness.paths import command
from harness.race import Plan
from harness.record import make_room, write
from peers.networks import MODELS
from trials.pairs import entry, measure
from trials.processes import STUDIES, suited
from trials.processes import run as run_processes

from resnet_tf.machine import has_bfloat16
from resnet_tf.startup import import_tensorflow

flags.DEFINE_bool("quick", False, "Small batches, short turns, one network.")
flags.DEFINE_string("json_output", None, "File for the result.")
flags.DEFINE_multi_enum("models", MODELS, MODELS, "Networks, where one is needed.")
flags.DEFINE_integer("rounds", 11, "Turns of each of a pair.", lower_bound=1)
flags.DEFINE_float("seconds", 1.0, "Length of a turn.", lower_bound=0)


def main(argv) -> int:
    """Measures, prints and writes the figures; returns the exit code."""
    require_no_arguments(argv)
    values = flags.FLAGS
    make_room(values.json_output)
    batch, plan = 128, Plan(rounds=values.rounds, seconds=values.seconds)
    if values.quick:
        batch, plan = 4, Plan(rounds=3, seconds=min(values.seconds, 0.01))
    record = {
        "command": command("benchmarks/tried.py", sys.argv[1:]),
        "quick": values.quick,
        "plan": {"rounds": plan.rounds, "seconds": plan.seconds},
        **environment(),
        "tried": [],
        "absent": [],
    }
    _kernels(record, batch, plan)
    for study in map(suited, STUDIES):
        chosen = [model for model in study.models if model in values.models]
        for model in chosen[:1] if values.quick else chosen:
            found, absent = run_processes(study, model, batch, plan)
            _add(record, found, absent)
    return int(bool(record["absent"]))


def _kernels(record: dict[str, Any], batch: int, plan: Plan) -> None:
    import_tensorflow()
    from trials.kernels import kernel_pairs

    for pair in kernel_pairs(batch):
        if pair.trial.precision == "bfloat16" and not has_bfloat16():
            continue
        ratios = measure(pair, plan.rounds, plan.seconds)
        _add(record, [entry(pair.trial, ratios)], [])


def _add(record: dict[str, Any], found: list[dict], absent: list[dict]) -> None:
    """Adds to the record, prints what is new and writes the file again."""
    record["tried"] += found
    record["absent"] += absent
    for new in found:
        print(
            f"{new['name']}, {new['precision']} {new['shape']}: {new['tried']} is "
            f"{new['ratio_median']:.2f} times as fast ({new['ratio_min']:.2f} to "
            f"{new['ratio_max']:.2f}) as {new['plain']}: {new['verdict']}",
            flush=True,
        )
    write(record, flags.FLAGS.json_output)


if __name__ == "__main__":
    app.run(main)
