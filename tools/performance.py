"""The generated parts of docs/performance.md."""

import itertools
import json
from collections.abc import Callable

from comparison import (
    ABSENT,
    batches,
    inference,
    precisions,
    processor,
    speed,
    training,
    versions_of,
)
from markup import facts, span, spread, table
from measured import BENCHMARKS, BEST, PRECISIONS, SIDES, TORCH, WORKS, Measured, rate


def method(run: Measured) -> str:
    """How the run was made: turns, machine, versions and settings."""
    record, plan = run.record, run.record["plan"]
    cpu, compiled = record.get("cpu"), record.get("compiled")
    busy = record.get("busy_before", {}).values()
    named = ", ".join(f"`{model}`" for model in compiled or ()) or "none"
    return facts(
        {
            "rounds": f"{plan['rounds']}, each turn about {plan['seconds']:g} s",
            "rounds to choose the settings": str(plan["qualifying"]),
            "longest start or turn": f"{plan['timeout']:g} s",
            "batch": batches(run),
            "machine": processor(record["machine"]),
            "instructions of all sides": cpu.upper() if cpu else None,
            "versions": versions_of(run),
            "precisions": ", ".join(run.precisions),
            "networks with compiled settings": None if compiled is None else named,
            "cores that other programs used before": (
                f"up to {100 * max(busy):.0f} %" if busy else None
            ),
            **{f"settings of {SIDES[side]}": _tried_by(run, side) for side in SIDES},
            "quick run": "yes: few, short turns" if record.get("quick") else None,
            "command": f"`python {record['command']}`",
        }
    )


def _tried_by(run: Measured, side: str) -> str:
    loops = (loop for loop in run.loops if loop["side"] == side)
    return ", ".join(dict.fromkeys(loop["variant"] for loop in loops)) or ABSENT


def peaks(run: Measured) -> str:
    """The peaks of the machine."""
    record = run.record.get("roofline", {})
    rates, copied = record.get("operations_per_second", {}), None
    if record.get("copied_bytes_per_second"):
        copied = f"{record['copied_bytes_per_second'] / 1e9:.1f} GB/s"
    products = {
        f"matrix product, {precision}": f"{rates[precision] / 1e9:,.0f} GFLOP/s"
        for precision in PRECISIONS
        if rates.get(precision)
    }
    return facts({**products, "copy of memory": copied})


def roofline(run: Measured) -> str:
    """How close our loops come to the machine's matrix products."""
    found: dict[tuple, float] = {}
    for row in run.record.get("roofline", {}).get("networks", []):
        if not row["dataset"]:
            key = row["model"], row["work"], row["precision"]
            found[key] = max(row["fraction"], found.get(key, 0.0))
    columns = [(work, precision) for work in WORKS for precision in run.precisions]
    rows = (
        [f"`{model}`", *(_percent(found.get((model, *column))) for column in columns)]
        for model in dict.fromkeys(model for model, *_ in found)
    )
    head = ["network", *(f"{WORKS[work]}, {precision}" for work, precision in columns)]
    return table(head, rows)


def bound(run: Measured) -> str:
    """The largest speedup over PyTorch of direct convolutions, and our speedup."""
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
                    _speedup(ratio, 1 / share),
                ]
            )
    head = ["work", "network", "PyTorch's precision", "its share of the peak"]
    return table([*head, "speedup of the direct bound", "our speedup"], rows)


def _speedup(ratio: dict | None, bound: float) -> str:
    """Returns our speedup, and whether it exceeds the bound."""
    if ratio is None:
        return ABSENT
    middle = ratio["ratio_median"]
    return f"{middle:.2f}" + ", above the bound" * (middle > bound)


def operations() -> str:
    """The time of a step by operation, from the records of `bench --profile`."""
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
                # Records of earlier versions do not name the kernels.
                record.get("kernels", "tensorflow"),
                str(record["batch"]),
                f"{1e3 * record['seconds_allowed']:.0f}",
                f"{1e3 * record['seconds_measured']:.0f}",
                ", ".join(itertools.islice(shares, 6)),
            ]
        )
    head = ["network", "work", "precision", "kernels", "batch"]
    return table([*head, "ms at the peaks", "ms measured", "operations"], rows)


def memory(run: Measured) -> str:
    """Peak memory of training, in MiB."""
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
    """The time of whole commands."""
    seconds = run.record.get("seconds", {})
    rows = ([name, spread(samples)] for name, samples in seconds.items())
    return table(["command", "seconds"], rows)


def input_cost(run: Measured) -> str:
    """The cost of the input pipeline."""
    if not run.input_pair:
        return table([], [])
    without, loop = run.input_pair
    samples = zip(without["samples"], loop["samples"], strict=True)
    cost = spread([100 * (a / b - 1) for a, b in samples], " %")
    return facts(
        {
            "network": f"`{loop['model']}`, {loop['precision']}",
            "one batch in memory": f"{rate(without):,.0f} images/s",
            f"pipeline of {loop['dataset']}": f"{rate(loop):,.0f} images/s",
            "cost, of a step": cost,
        }
    )


def absent(run: Measured) -> str:
    """The loops that could not run, and why."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in run.record.get("absent", []):
        where = f"{WORKS.get(row['work'], row['work'])} {row['model']}".strip()
        found.setdefault((row["loop"], row["reason"]), []).append(where)
    if not found:
        return "None."
    rows = ([loop, ", ".join(where), why] for (loop, why), where in found.items())
    return table(["loop", "of", "reason"], rows)


def tried() -> str:
    """The trials for speed."""
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
        "work",
        "tried",
        "instead of",
        "speedup",
        "peak memory",
        "verdict",
        "in use",
    ]
    plan = record["plan"]
    missing = [f"{row['loop']}: {row['reason']}" for row in record.get("absent", [])]
    known = {
        "machine": processor(record["machine"]),
        "rounds": f"{plan['rounds']}, each turn about {plan['seconds']:g} s",
        "absent": "; ".join(missing) or None,
    }
    return f"{facts(known)}\n\n{table(head, rows)}"


def parts() -> dict[str, Callable[[], str]]:
    """Returns what makes each part of docs/performance.md, by its name."""
    run = Measured.read()
    of_run = {
        "speed": speed,
        "method": method,
        "training": training,
        "inference": inference,
        "precisions": precisions,
        "peaks": peaks,
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
    """Returns whether the package uses a trial, with a link to the code."""
    if not row.get("used_in"):
        return "no"
    return f"[{'option' if row.get('option') else 'yes'}](../{row['used_in']})"


def _mebibytes(loop: dict | None) -> str:
    if loop is None or "peak_bytes" not in loop:
        return ABSENT
    return f"{loop['peak_bytes'] / 2**20:,.0f}"
