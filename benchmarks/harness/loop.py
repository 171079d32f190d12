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
    ("train", OURS): ("native", "native lanes", "step", "lanes"),
    ("train", TORCH): ("eager", "compile", "2 processes"),
    ("train", KERAS): ("tape", "fit", "jit"),
    ("inference", OURS): ("native", "native lanes", "lanes", "optimized", "plain"),
    ("inference", TORCH): ("eager", "cast", "compile", "2 processes"),
    ("inference", KERAS): ("function", "jit"),
}


COMPILED = ("compile", "jit")  # for minutes, where the network is deep
# Settings that have no meaning in a precision: float32 has nothing to cast to, and the
# native kernels compute in float32.
MEANINGLESS = {
    ("cast", "float32"),
    ("native", "bfloat16"),
    ("native lanes", "bfloat16"),
}
# What holds each side to older instructions than the CPU has, by their name.
CPUS = {
    "": {},
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # of TensorFlow, and of PyTorch
        "DNNL_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "TORCHINDUCTOR_CPP_SIMDLEN": "256",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}


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
        cpu: A key of `CPUS`: the instructions that may be used; "" for all.
    """

    work: str
    model: str
    side: str
    precision: str
    variant: str = ""
    batch: int = 128
    dataset: str = ""
    cpu: str = ""

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
    work: str,
    model: str,
    batch: int,
    quick: bool = False,
    compiled: bool = True,
    cpu: str = "",
) -> list[Loop]:
    """Returns the loops of all sides.

    Args:
        work: "train" or "inference".
        model: Name of the network.
        batch: Images in a step.
        quick: Take only the first variant of each side.
        compiled: Take those in `COMPILED` too.
        cpu: A key of `CPUS`.
    """
    return [
        Loop(work, model, side, precision, variant, batch, cpu=cpu)
        for side in (OURS, *PEERS)
        for precision in PRECISIONS
        for variant in _variants(work, side, precision)[: 1 if quick else None]
        if compiled or variant not in COMPILED
    ]


def _variants(work: str, side: str, precision: str) -> list[str]:
    variants = VARIANTS[work, side]
    return [name for name in variants if (name, precision) not in MEANINGLESS]
