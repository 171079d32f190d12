"""What is measured: the loops of every side, each at its best setting."""

from dataclasses import dataclass

OURS, TORCH, KERAS, PEAK = "ours", "torch", "keras", "peak"
PEERS = (TORCH, KERAS)
WORKS = ("train", "inference")
PRECISIONS = ("float32", "bfloat16")
MODULES = {
    OURS: "harness.ours",
    TORCH: "peers.torch_loops",
    KERAS: "peers.keras_loops",
    PEAK: "harness.peaks",
}

# The settings of each side, first the one that a quick run takes: the others are there
# for the full picture. The fastest of a precision is what
# counts. "2 processes" halve the batch and the cores, as PyTorch's
# DistributedDataParallel has it: batch norm sees half of the images, and so it does
# in our "lanes" of training.
VARIANTS = {
    ("train", OURS): ("step", "lanes"),
    ("train", TORCH): ("eager", "compile", "2 processes"),
    ("train", KERAS): ("tape", "fit", "jit"),
    ("inference", OURS): ("lanes", "optimized", "plain"),
    ("inference", TORCH): ("eager", "cast", "compile", "2 processes"),
    ("inference", KERAS): ("function", "jit"),
}


COMPILED = ("compile", "jit")  # for minutes, where the network is deep


@dataclass(frozen=True)
class Loop:
    """One loop to measure; its fields are what its process is told.

    Attributes:
        work: "train", "inference", or the kind of a peak.
        model: Name of the network; "" for a peak.
        side: A key of `MODULES`.
        precision: "float32" or "bfloat16".
        variant: One of `VARIANTS`.
        batch: Images in a step, over all processes.
        dataset: Where the images come from; "" for one batch in memory.
    """

    work: str
    model: str
    side: str
    precision: str
    variant: str = ""
    batch: int = 128
    dataset: str = ""

    @property
    def processes(self) -> int:
        """Processes that share the batch."""
        return 2 if self.variant == "2 processes" else 1

    @property
    def name(self) -> str:
        """Such as "torch bfloat16 compile"."""
        parts = (self.side, self.precision, self.variant, self.dataset)
        return " ".join(part for part in parts if part)


def loops(
    work: str, model: str, batch: int, quick: bool = False, compiled: bool = True
) -> list[Loop]:
    """Returns the loops of all sides.

    Args:
        work: "train" or "inference".
        model: Name of the network.
        batch: Images in a step.
        quick: Take only the first variant of each side.
        compiled: Take those in `COMPILED` too.
    """
    return [
        Loop(work, model, side, precision, variant, batch)
        for side in (OURS, *PEERS)
        for precision in PRECISIONS
        for variant in VARIANTS[work, side][: 1 if quick else None]
        # Float32 has nothing to cast to.
        if (variant, precision) != ("cast", "float32")
        if compiled or variant not in COMPILED
    ]
