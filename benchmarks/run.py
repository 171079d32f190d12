"""Measures this package against PyTorch, stock Keras and the machine's peaks.

    python benchmarks/run.py --json_output=docs/benchmarks/run.json
    python benchmarks/run.py --quick --models=resnet20 --peer_python=PATH

For each work, network and precision, the loops of all sides run in turns, each in its
own process. First the variants of each side race against each other, and at most two
qualify. At the end, the fastest loops of all sides race in a final. `--quick` skips
loops that compile for minutes, and shortens the rest.
"""

import dataclasses
import sys
from typing import Any

from absl import app, flags
from harness.arguments import require_no_arguments
from harness.commands import waiting_times
from harness.figures import ratios, table
from harness.loop import (
    CPUS,
    OURS,
    PEAK,
    PRECISIONS,
    TORCH,
    WORKS,
    Loop,
    loops,
)
from harness.machine import busy_share, environment
from harness.paths import command
from harness.peaks import peak_loops, roofline
from harness.race import Plan, Result, heats, race
from harness.record import make_room, write
from peers.networks import MODELS

from resnet_tf.machine import has_bfloat16

flags.DEFINE_bool("quick", False, "Fewer and shorter turns, without slow loops.")
flags.DEFINE_string("json_output", None, "File for the result.")
flags.DEFINE_string("peer_python", sys.executable, "Python that has torch.")
flags.DEFINE_multi_enum("models", MODELS, MODELS, "Networks.")
flags.DEFINE_multi_enum(
    "inference_models", None, MODELS, "Networks for inference [--models]."
)
flags.DEFINE_multi_enum("works", WORKS, WORKS, "Works to measure.")
flags.DEFINE_multi_enum(
    "precisions", None, PRECISIONS, "Precisions [all that the CPU supports]."
)
flags.DEFINE_multi_enum(
    "compiled", MODELS, MODELS, "Networks to measure with slowly compiling settings."
)
flags.DEFINE_enum(
    "cpu",
    "",
    list(CPUS),
    "Instruction set that all sides are limited to [all that the CPU has].",
)
flags.DEFINE_integer("batch", 128, "Images per step.", lower_bound=2)
flags.DEFINE_integer("rounds", Plan.rounds, "Turns of each loop.", lower_bound=1)
flags.DEFINE_float("seconds", Plan.seconds, "Length of a turn.", lower_bound=0)
flags.DEFINE_float(
    "timeout", Plan.timeout, "Time limit of a start or turn in s.", lower_bound=0
)
flags.DEFINE_enum(
    "dataset", "cifar10", ["cifar10", "digits"], "Images of the real pipeline."
)


def main(argv) -> int:
    """Measures, prints and writes the figures; returns the exit code."""
    require_no_arguments(argv)
    values, plan = flags.FLAGS, _plan()
    make_room(values.json_output)
    record = {
        "command": command("benchmarks/run.py", sys.argv[1:]),
        "quick": values.quick,
        "plan": dataclasses.asdict(plan),
        "precisions": _precisions(),
        "compiled": values.compiled,
        "cpu": values.cpu,
        **environment(),
        "ratios": [],
        "busy_before": {},
    }
    results, finals = race(peak_loops(values.cpu), plan, _python), []
    for work in values.works:
        for model in _models(work):
            record["busy_before"][f"{work} {model}"] = _busy()
            print(f"{work}, {model}, batch {values.batch}", flush=True)
            chosen = _loops(work, model)
            these, final = heats(chosen, plan, _python)
            found = ratios(these, final)
            print(table(these, []), "final", table(final, found), sep="\n", flush=True)
            results += these
            finals += final
            record["ratios"] += found
            write(record | _summary(results, finals), values.json_output)
    if "train" in values.works:
        results += _whole_loop(plan)
    fast = _precisions()[-1]
    record["seconds"] = waiting_times(values.dataset, fast, values.quick)
    for name, seconds in record["seconds"].items():
        print(f"{name}: {min(seconds):.2f} s")
    write(record | _summary(results, finals), values.json_output)
    return _exit_code(results, finals)


def _plan() -> Plan:
    values = flags.FLAGS
    if values.quick:
        plan = Plan(rounds=3, qualifying=1, seconds=min(values.seconds, 0.5))
    else:
        plan = Plan(rounds=values.rounds, seconds=values.seconds)
    return dataclasses.replace(plan, timeout=values.timeout)


def _loops(work: str, model: str) -> list[Loop]:
    """Returns the loops of all sides that the flags select."""
    values = flags.FLAGS
    compiled = model in values.compiled
    all_ = loops(work, model, values.batch, values.quick, compiled, values.cpu)
    return [loop for loop in all_ if loop.precision in _precisions()]


def _models(work: str) -> list[str]:
    values = flags.FLAGS
    chosen = values.inference_models if work == "inference" else None
    return values.models if chosen is None else chosen


def _precisions() -> list[str]:
    """Returns the precisions to measure, the fastest one last."""
    able = PRECISIONS if has_bfloat16() and not flags.FLAGS.cpu else PRECISIONS[:1]
    return [p for p in PRECISIONS if p in (flags.FLAGS.precisions or able)]


def _python(loop: Loop) -> str:
    return flags.FLAGS.peer_python if loop.side == TORCH else sys.executable


def _busy() -> float:
    """Returns the share of the cores that other programs use; warns if it is high."""
    busy = busy_share()
    if busy > 0.05:
        # Threads that wait for each other, e.g. PyTorch's, then lose the most.
        print(f"{100 * busy:.0f} % of the cores are busy: the figures are not valid")
    return busy


def _whole_loop(plan: Plan) -> list[Result]:
    """Returns training of ResNet-20 without and with the input pipeline."""
    print("one batch in memory, then the input pipeline", flush=True)
    values, fast = flags.FLAGS, _precisions()[-1]
    way = "step" if fast == "bfloat16" else "native"
    pair = [
        Loop("train", "resnet20", OURS, fast, way, values.batch, dataset, values.cpu)
        for dataset in ("", values.dataset)
    ]
    results = race(pair, plan, _python)
    print(table(results, []), flush=True)
    return results


def _summary(results: list[Result], finals: list[Result]) -> dict[str, Any]:
    return {
        "roofline": roofline(results),
        "loops": [result.to_dict() for result in results],
        "finals": [result.to_dict() for result in finals],
        "absent": _absent(results) + _absent(finals, " (final)"),
    }


def _absent(results: list[Result], note: str = "") -> list[dict[str, str]]:
    return [
        {
            "work": result.loop.work,
            "model": result.loop.model,
            "loop": result.loop.name + note,
            "reason": result.absent,
        }
        for result in results
        if result.absent
    ]


def _exit_code(results: list[Result], finals: list[Result]) -> int:
    """Returns the exit code.

    It is 1 if one of our loops, a peak or any loop of a final could not run. The loops
    of a final have all run before.
    """
    needed = [r for r in results if r.loop.side in (OURS, PEAK)] + finals
    return int(any(result.absent for result in needed))


if __name__ == "__main__":
    app.run(main)
