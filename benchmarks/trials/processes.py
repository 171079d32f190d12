"""Whole loops of ours under settings that only a new process takes."""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from harness.loop import MODULES, Loop
from harness.race import Plan, Result, race
from trials.pairs import Trial, entry

SIDE = "settings"
MODULES[SIDE] = "trials.settings"
PRECISION = "bfloat16"
NETWORKS = ("resnet20", "densenet40_k12")
# By work: what both ways do, the plain one, and the others by their variant.
WORKS = {
    "train": (
        "training",
        "threads and memory as they are",
        {
            "one thread an operation": "one thread an operation, two at a time",
            "one operation at a time": "two threads an operation, one at a time",
            "memory": "freed memory is kept (mallopt)",
            "2 processes": "two half batches, each with weights and a core of its own",
        },
    ),
    "inference": (
        "inference",
        "one batch, all threads on an operation",
        {"two halves": "half batches side by side, one thread an operation"},
    ),
}


def loops(work: str, model: str, batch: int) -> list[Loop]:
    """Returns the plain loop of a work and a network, then the others."""
    variants = ("default", *WORKS[work][2])
    return [Loop(work, model, SIDE, PRECISION, name, batch) for name in variants]


def run(
    work: str, model: str, batch: int, plan: Plan, say: Callable[[str], None] = print
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Returns the entries of a work and a network, and the loops that are absent.

    Args:
        work: A key of `WORKS`.
        model: Name of the network.
        batch: Images in a step.
        plan: How long; no loop is dropped.
        say: Takes a line about each loop's start.
    """
    plan = dataclasses.replace(plan, qualifying=0)
    chosen = loops(work, model, batch)
    plain, *others = race(chosen, plan, lambda loop: sys.executable, say)
    results = [(plain, other) for other in others if not (plain.absent or other.absent)]
    absent = [
        {"loop": f"{work} {model} {result.loop.variant}", "reason": result.absent}
        for result in (plain, *others)
        if result.absent
    ]
    return [_entry(*pair) for pair in results], absent


def _entry(plain: Result, other: Result) -> dict[str, Any]:
    loop = other.loop
    name, label, others = WORKS[loop.work]
    trial = Trial(
        f"{name} of {loop.model}",
        label,
        others[loop.variant],
        loop.precision,
        f"{loop.batch}x32x32x3",
    )
    samples = zip(other.samples, plain.samples, strict=True)
    return entry(trial, [a / b for a, b in samples])
