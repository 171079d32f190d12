"""Whole loops of ours under settings that only a new process takes."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.loop import MODULES, Loop
from harness.race import Plan, Result, race
from trials.pairs import Trial, entry

from resnet_tf.machine import has_bfloat16

SIDE = "settings"
MODULES[SIDE] = "trials.settings"
PLAIN = "default"


@dataclass(frozen=True)
class Study:
    """A loop as it is, and under other settings.

    Attributes:
        work: "train" or "inference".
        models: Names of the networks.
        plain: The settings as they are, in a few words.
        tried: The others, by their variant in `trials.settings`.
        precision: "float32" or "bfloat16".
        share: Of the batch that the others have.
        used_in: See `Trial`, by variant.
        options: The variants that are an `option`, see `Trial`.
    """

    work: str
    models: tuple[str, ...]
    plain: str
    tried: Mapping[str, str]
    precision: str = "bfloat16"
    share: float = 1.0
    used_in: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: tuple[str, ...] = ()

    def loops(self, model: str, batch: int) -> list[Loop]:
        """Returns the plain loop of a network, then the others."""
        batch = max(1, round(self.share * batch))
        return [
            Loop(self.work, model, SIDE, self.precision, variant, batch)
            for variant in (PLAIN, *self.tried)
        ]

    def trial(self, loop: Loop) -> Trial:
        """Returns what a loop of the others tries."""
        name = {"train": "training", "inference": "inference"}[self.work]
        return Trial(
            f"{name} of {loop.model}",
            self.plain,
            self.tried[loop.variant],
            loop.precision,
            f"{loop.batch}x32x32x3",
            self.used_in.get(loop.variant, ""),
            loop.variant in self.options,
        )


STUDIES = (
    Study(
        "train",
        ("resnet20", "densenet40_k12"),
        "threads, memory and kernels as they are",
        {
            "one thread an operation": "one thread an operation, two at a time",
            "one operation at a time": "two threads an operation, one at a time",
            "without oneDNN": "TensorFlow's own kernels (TF_ENABLE_ONEDNN_OPTS=0)",
            "memory": "freed memory is kept (mallopt)",
            "2 processes": "two half batches, each with weights and one thread of its "
            "own",
            "lanes": "two half batches side by side, one thread an operation; batch "
            "norm by halves (`--lanes`)",
        },
        used_in={"lanes": "resnet_tf/training/trainer.py"},
        options=("lanes",),
    ),
    Study(
        "inference",
        ("resnet20", "densenet40_k12"),
        "one batch, all threads on an operation",
        {
            "two halves": "parts of the batch side by side, one a core, one thread an "
            "operation"
        },
        used_in={"two halves": "resnet_tf/models/lanes.py"},
    ),
    Study(
        "train",
        ("densenet_bc100_k12",),
        "what the gradient needs is kept",
        {"recomputed": "`memory_efficient`"},
        precision="float32",
        share=0.5,
        used_in={"recomputed": "resnet_tf/layers/dense.py"},
        options=("recomputed",),
    ),
)


def suited(study: Study) -> Study:
    """Returns the study in a precision that this CPU multiplies in."""
    return study if has_bfloat16() else dataclasses.replace(study, precision="float32")


def run(
    study: Study, model: str, batch: int, plan: Plan, say: Callable[[str], None] = print
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Returns the entries of a study and a network, and the loops that are absent.

    An entry also has the `peak_ratio`: peak memory above that of the start, over
    that of the plain loop.

    Args:
        study: What to compare.
        model: Name of the network.
        batch: Images in a step, of which the study takes its share.
        plan: How long; no loop is dropped.
        say: Takes a line about each loop's start.
    """
    plan = dataclasses.replace(plan, qualifying=0)
    chosen = study.loops(model, batch)
    plain, *others = race(chosen, plan, lambda loop: sys.executable, say)
    results = [(plain, other) for other in others if not (plain.absent or other.absent)]
    absent = [
        {"loop": f"{study.work} {model} {r.loop.variant}", "reason": r.absent}
        for r in (plain, *others)
        if r.absent
    ]
    return [_entry(study, *pair) for pair in results], absent


def _entry(study: Study, plain: Result, other: Result) -> dict[str, Any]:
    samples = zip(other.samples, plain.samples, strict=True)
    peaks = [result.facts["peak_bytes"] for result in (other, plain)]
    return {
        **entry(study.trial(other.loop), [a / b for a, b in samples]),
        "peak_ratio": peaks[0] / peaks[1] if peaks[1] else None,
    }
