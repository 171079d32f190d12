"""Defines the loops to measure: every side in each of its best settings."""

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

# The settings of each side; a quick run uses only the first. The fastest setting of a
# precision counts. "2 processes" halve the batch and the cores, as in PyTorch's
# DistributedDataParallel: batch norm sees half of the images. The same is true for our
# "lanes" of training.
VARIANTS = {
    ("train", OURS): ("native", "native lanes", "step", "lanes"),
    ("train", TORCH): ("eager", "compile", "2 processes"),
    ("train", KERAS): ("tape", "fit", "jit"),
    ("inference", OURS): ("native", "native lanes", "lanes", "optimized", "plain"),
    ("inference", TORCH): ("eager", "cast", "compile", "2 processes"),
    ("inference", KERAS): ("function", "jit"),
}


COMPILED = ("compile", "jit")  # these compile a deep network for minutes
# Settings that do not exist for a precision: "cast" is only for bfloat16, and native
# kernels compute in float32.
MEANINGLESS = {
    ("cast", "float32"),
    ("native", "bfloat16"),
    ("native lanes", "bfloat16"),
}
# Environment variables that limit all sides to older instructions, by instruction set.
CPUS = {
    "": {},
    "avx2": {
        "ONEDNN_MAX_CPU_ISA": "AVX2",  # for TensorFlow and PyTorch
        "DNNL_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "TORCHINDUCTOR_CPP_SIMDLEN": "256",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}


@dataclass(frozen=True)
class Loop:
    """One loop to measure; its process gets the fields as its argument.

    Attributes:
        work: "train", "inference", or the kind of a peak.
        model: Name of the network; "" for a peak.
        side: A key of `MODULES`.
        precision: "float32" or "bfloat16".
        variant: One of `VARIANTS`.
        batch: Number of images in a step, over all processes.
        dataset: Data set of the images; "" for one batch in memory.
        cpu: Instruction set that can be used, a key of `CPUS`; "" for all.
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
        """Number of processes that share the batch."""
        return 2 if self.variant == "2 processes" else 1

    @property
    def name(self) -> str:
        """Name of the loop, e.g. "torch bfloat16 compile"."""
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
        batch: Number of images in a step.
        quick: Whether to use only the first variant of each side.
        compiled: Whether to include the variants in `COMPILED`.
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
