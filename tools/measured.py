"""The record of `benchmarks/run.py`, and the questions about it."""

import json
import statistics
from typing import Any

from paths import DOCS

BENCHMARKS = DOCS / "benchmarks"
OURS, TORCH, KERAS = "ours", "torch", "keras"
SIDES = {OURS: "this package", TORCH: "PyTorch", KERAS: "stock Keras"}
PEERS = (TORCH, KERAS)
PRECISIONS = ("float32", "bfloat16")
BEST = "best"
WORKS = {"train": "training", "inference": "inference"}

Loop = dict[str, Any]


class Measured:
    """The record of a run. A missing value counts as not measured.

    Args:
        record: The content of the file.

    Attributes:
        record: The same.
        loops: Its loops of networks, on one batch in memory.
        networks: Pairs of work and network, in the order of the record.
    """

    def __init__(self, record: dict[str, Any]):
        self.record = record
        self.loops: list[Loop] = []
        seen = set()
        for loop in record["loops"]:
            names = ("work", "model", "side", "precision", "variant")
            key = tuple(loop[name] for name in names)
            # The pair that measures the cost of the input comes last.
            if loop["work"] in WORKS and not loop["dataset"] and key not in seen:
                seen.add(key)
                self.loops.append(loop)
        pairs = ((loop["work"], loop["model"]) for loop in self.loops)
        self.networks = list(dict.fromkeys(pairs))

    @classmethod
    def read(cls) -> "Measured":
        """Returns the record in docs/benchmarks."""
        return cls(json.loads((BENCHMARKS / "run.json").read_text()))

    def fastest(self, work: str, model: str, side: str, precision: str) -> Loop | None:
        """Returns the fastest loop of a side that ran to the end.

        Args:
            work: A key of `WORKS`.
            model: Name of the network.
            side: A key of `SIDES`.
            precision: One of `PRECISIONS`, or `BEST` for the one of the final; in
                a record without finals, for any.
        """
        finals = self.record.get("finals", self.loops)
        candidates = [
            loop
            for loop in (finals if precision == BEST else self.loops)
            if (loop["work"], loop["model"], loop["side"]) == (work, model, side)
            and loop["qualified"]
            and precision in (BEST, loop["precision"])
        ]
        return max(candidates, key=rate, default=None)

    def ratio(
        self, work: str, model: str, precision: str, peer: str
    ) -> dict[str, Any] | None:
        """Returns the recorded ratio of our speed to the speed of a peer."""
        wanted = {"work": work, "model": model, "precision": precision, "peer": peer}
        for ratio in self.record.get("ratios", []):
            if wanted.items() <= ratio.items():
                return ratio
        return None

    @property
    def precisions(self) -> list[str]:
        """The measured precisions."""
        found = {loop["precision"] for loop in self.loops}
        return [precision for precision in PRECISIONS if precision in found]

    @property
    def input_pair(self) -> tuple[Loop, Loop] | None:
        """The training loops on one batch in memory and with the pipeline."""
        with_input = [loop for loop in self.record["loops"] if loop["dataset"]]
        for loop in with_input:
            without = [
                other
                for other in self.record["loops"]
                if not other["dataset"]
                and all(
                    other[name] == loop[name]
                    for name in ("work", "model", "side", "precision", "batch")
                )
            ]
            if loop["qualified"] and without and without[-1]["qualified"]:
                return without[-1], loop
        return None

    @property
    def torch_version(self) -> str | None:
        """The version of PyTorch, from its loops."""
        for loop in self.loops:
            if loop["side"] == TORCH and loop.get("versions"):
                return loop["versions"].get("torch")
        return None


def rate(loop: Loop) -> float:
    """Returns the median of a loop's images a second."""
    return statistics.median(loop["samples"])
