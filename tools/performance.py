"""The generated parts of docs/performance.md."""

import itertools
import json
from collections.abc import Callable

from comparison import ABSENT, inference, place, precisions, processor, training
from markup import paragraph, points, span, spread, table
from measured import BENCHMARKS, BEST, PRECISIONS, SIDES, TORCH, WORKS, Measured, rate


def method(run: Measured) -> str:
    """How long the turns were, on what machine, with which settings."""
    plan = run.record["plan"]
    rounds = f"{plan['qualifying']} round" + "s" * (plan["qualifying"] != 1)
    lines = [
        f"{plan['rounds']} rounds; a turn lasts about {plan['seconds']:g} s. Before "
        f"them the settings of a side have {rounds} among "
        "themselves: the best two go on, or one where the other is clearly slower. A "
        f"start or a turn may take {plan['timeout']:g} s.",
        place(run),
    ]
    if any(model.startswith("resnet") for _, model in run.networks):
        lines.append(
            "`resnet20` and the like are those of the TF1 original on all sides: order "
            "`pre` and the shortcuts `A-pool`; those of the paper are `A-append`."
        )
    busy = run.record.get("busy_before", {}).values()
    if busy:
        lines.append(
            f"Just before the races other programs used up to {100 * max(busy):.0f} % "
            "of the cores."
        )
    if run.record.get("cpu"):
        lines.append(
            "`--cpu` holds the processes of all sides to older instructions than the "
            "CPU has: oneDNN, PyTorch's own kernels and its compiler, XLA, and our "
            "native kernels."
        )
    if run.precisions == list(PRECISIONS[:1]):
        lines.append(
            "All is in float32: unless told otherwise, only the precisions are "
            "measured that the CPU has instructions for."
        )
    if run.record.get("quick"):
        lines.append(
            "**The run was a `--quick` one: few and short turns, and none of the "
            "settings that compile for long.**"
        )
    compiled = run.record.get("compiled")
    if compiled is not None and not run.record.get("quick"):
        where = ", ".join(f"`{model}`" for model in compiled) or "no network"
        lines.append(f"Settings that compile for minutes were measured for {where}.")
    for side, name in SIDES.items():
        tried = dict.fromkeys(
            loop["variant"] for loop in run.loops if loop["side"] == side
        )
        lines.append(f"Settings of {name}: {', '.join(tried) or ABSENT}.")
    lines.append(f"Made by `python {run.record['command']}`.")
    return points(lines)


def roofline(run: Measured) -> str:
    """How close our loops come to the machine's matrix products."""
    record = run.record.get("roofline", {})
    peaks = record.get("operations_per_second", {})
    known = [f"{peaks[p] / 1e9:,.0f} in {p}" for p in PRECISIONS if peaks.get(p)]
    copied = record.get("copied_bytes_per_second")
    lines = []
    if known:
        lines.append(
            f"The best product made {' and '.join(known)}, in 10^9 operations a second."
        )
    if copied:
        lines.append(f"A copy of memory moved {copied / 1e9:.1f} GB a second.")
    found: dict[tuple, float] = {}
    for row in record.get("networks", []):
        if not row["dataset"]:
            key = row["model"], row["work"], row["precision"]
            found[key] = max(row["fraction"], found.get(key, 0.0))
    columns = [(work, precision) for work in WORKS for precision in run.precisions]
    rows = (
        [f"`{model}`", *(_percent(found.get((model, *column))) for column in columns)]
        for model in dict.fromkeys(model for model, *_ in found)
    )
    head = ["network", *(f"{WORKS[work]}, {precision}" for work, precision in columns)]
    return "\n\n".join(filter(None, [paragraph(*lines), table(head, rows)]))


def bound(run: Measured) -> str:
    """How much faster than PyTorch direct convolutions can be, and how much we are."""
    record = run.record.get("roofline", {})
    peaks = record.get("operations_per_second", {})
    an_image = {
        (row["work"], row["model"]): row["operations_per_image"]
        for row in record.get("networks", [])
    }
    rows = []
    for work, model in run.networks:
        loop = run.fastest(work, model, TORCH, BEST)
        if loop and (work, model) in an_image and peaks.get(loop["precision"]):
            share = rate(loop) * an_image[work, model] / peaks[loop["precision"]]
            ratio = run.ratio(work, model, BEST, TORCH)
            rows.append(
                [
                    WORKS[work],
                    f"`{model}`",
                    loop["precision"],
                    _percent(share),
                    f"{1 / share:.2f}",
                    _beside(ratio, 1 / share),
                ]
            )
    head = ["work", "network", "PyTorch's precision", "its share of the peak"]
    return table([*head, "the direct bound is times as fast", "we are"], rows)


def _beside(ratio: dict | None, bound: float) -> str:
    """Returns how many times as fast we are, and whether that is past the bound."""
    if ratio is None:
        return ABSENT
    middle = ratio["ratio_median"]
    return f"{middle:.2f}" + ", past the bound" * (middle > bound)


def operations() -> str:
    """Where the time of a step goes, from the records of `bench --profile`."""
    rows = []
    for path in sorted((BENCHMARKS / "profiles").glob("*.json")):
        record = json.loads(path.read_text())
        if record["profile"] is None:
            continue
        spent = record["profile"]["operations"]
        whole = sum(one["seconds"] for one in spent)
        shares = (
            f"{row['type']} {100 * row['seconds'] / whole:.0f} %" for row in spent
        )
        rows.append(
            [
                f"`{record['model']}`",
                WORKS[record["work"]],
                record["mixed_precision"],
                str(record["batch"]),
                f"{1e3 * record['seconds_allowed']:.0f}",
                f"{1e3 * record['seconds_measured']:.0f}",
                ", ".join(itertools.islice(shares, 6)),
            ]
        )
    head = ["network", "work", "precision", "batch"]
    return table([*head, "ms allowed", "ms measured", "operations"], rows)


def memory(run: Measured) -> str:
    """Peak memory of the training loops."""
    rows = (
        [
            f"`{model}`",
            precision,
            *(_mebibytes(run.fastest(work, model, side, precision)) for side in SIDES),
        ]
        for work, model in run.networks
        if work == "train"
        for precision in run.precisions
    )
    return table(["network", "precision", *SIDES.values()], rows)


def waiting(run: Measured) -> str:
    """Seconds of whole commands."""
    seconds = run.record.get("seconds", {})
    rows = ([name, spread(samples)] for name, samples in seconds.items())
    return table(["wait for", "seconds"], rows)


def input_cost(run: Measured) -> str:
    """What the pipeline adds to a step."""
    if not run.input_pair:
        return table([], [])
    without, loop = run.input_pair
    samples = zip(without["samples"], loop["samples"], strict=True)
    cost = spread([100 * (a / b - 1) for a, b in samples], " %")
    return paragraph(
        f"Training of `{loop['model']}` in {loop['precision']}: {rate(without):,.0f} "
        f"images/s on one batch in memory, {rate(loop):,.0f} with the pipeline of "
        f"{loop['dataset']} (order, gather, augmentation). It costs {cost} of a step."
    )


def absent(run: Measured) -> str:
    """What could not run, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in run.record.get("absent", []):
        where = f"{WORKS.get(row['work'], row['work'])} {row['model']}".strip()
        found.setdefault((row["loop"], row["reason"]), []).append(where)
    if not found:
        return "Nothing: every loop ran."
    rows = ([loop, ", ".join(where), why] for (loop, why), where in found.items())
    return table(["loop", "of", "reason"], rows)


def tried() -> str:
    """The trials for speed, from their records."""
    paths = sorted(BENCHMARKS.glob("tried*.json"))
    return "\n\n".join(_tried(json.loads(path.read_text())) for path in paths)


def _tried(record: dict) -> str:
    rows = (
        [
            f"{row['name']}, {row['precision']}, {row['shape']}",
            row["tried"],
            row["plain"],
            span(row["ratio_median"], row["ratio_min"], row["ratio_max"]),
            f"{row['peak_ratio']:.2f}" if row.get("peak_ratio") else "",
            row["verdict"],
            _use(row),
        ]
        for row in record["tried"]
    )
    head = [
        "what",
        "tried",
        "instead of",
        "times as fast",
        "peak memory",
        "verdict",
        "in use",
    ]
    plan = record["plan"]
    lines = [
        f"On {processor(record['machine'])}, {plan['rounds']} rounds of turns of about "
        f"{plan['seconds']:g} s."
    ]
    lines += [
        f"Absent: {row['loop']}: {row['reason']}." for row in record.get("absent", [])
    ]
    return "\n\n".join(filter(None, [paragraph(*lines), table(head, rows)]))


def parts() -> dict[str, Callable[[], str]]:
    """Returns what makes each part of docs/performance.md, by its name."""
    run = Measured.read()
    of_run = {
        "method": method,
        "training": training,
        "inference": inference,
        "precisions": precisions,
        "roofline": roofline,
        "bound": bound,
        "memory": memory,
        "waiting": waiting,
        "input": input_cost,
        "absent": absent,
    }
    made = {name: (lambda make=make: make(run)) for name, make in of_run.items()}
    return made | {"operations": operations, "tried": tried}


def _percent(fraction: float | None) -> str:
    return ABSENT if fraction is None else f"{100 * fraction:.0f} %"


def _use(row: dict) -> str:
    """Returns whether a trial is in use, with a link to where."""
    if not row.get("used_in"):
        return "no"
    return f"[{'option' if row.get('option') else 'yes'}](../{row['used_in']})"


def _mebibytes(loop: dict | None) -> str:
    if loop is None or "peak_bytes" not in loop:
        return ABSENT
    return f"{loop['peak_bytes'] / 2**20:,.0f}"
