"""The processor that a process runs on."""

import os
import platform
from pathlib import Path

# Linux's names for the bfloat16 multiply instructions of x86-64 and AArch64.
_BFLOAT16 = {"amx_bf16", "avx512_bf16", "bf16"}


def cores() -> int:
    """Returns the number of cores that this process can use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """Returns the CPU name, e.g. "AMD EPYC"."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    """Returns the sorted names of the CPU's instruction sets; empty outside Linux."""
    return sorted((_cpuinfo("flags") or _cpuinfo("Features")).split())


def has_bfloat16() -> bool:
    """Returns whether the CPU multiplies in bfloat16; True if that is unknown.

    On a CPU without it, TensorFlow computes the bfloat16 gradients of a convolution
    element by element, many times slower than in float32.
    """
    known = set(cpu_flags())
    return not known or bool(known & _BFLOAT16)


def _cpuinfo(key: str) -> str:
    """Returns the first value of a key in /proc/cpuinfo, or ""."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")
