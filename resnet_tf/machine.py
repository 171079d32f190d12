"""The processor that a process runs on."""

import os
import platform
from pathlib import Path

# Instructions that multiply in bfloat16, as Linux names them: x86-64 and AArch64.
_BFLOAT16 = {"amx_bf16", "avx512_bf16", "bf16"}


def cores() -> int:
    """Returns the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """Returns such as "AMD EPYC"."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def cpu_flags() -> list[str]:
    """Returns the names of the instruction sets, sorted; none where Linux is not."""
    return sorted((_cpuinfo("flags") or _cpuinfo("Features")).split())


def has_bfloat16() -> bool:
    """Tells whether the CPU multiplies in bfloat16, or does not say that it cannot.

    Where it cannot, the gradients of a convolution are computed element by element
    in bfloat16, many times slower than in float32.
    """
    known = set(cpu_flags())
    return not known or bool(known & _BFLOAT16)


def _cpuinfo(key: str) -> str:
    """Returns the first value of a key, or ""."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "")
