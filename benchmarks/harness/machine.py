"""Where the figures were taken."""

import os
import time
from pathlib import Path
from typing import Any

from resnet_tf.reporting.provenance import provenance


def environment() -> dict[str, Any]:
    """Returns `provenance()`; its `machine` also has the CPU's `flags`, the `threads`
    that may run and the environment `variables` that move figures."""
    facts = provenance()
    names = ("OMP_", "KMP_", "TF_", "XLA_", "MALLOC_", "GLIBC_", "LD_PRELOAD")
    more = {
        "flags": _cpu_flags(),
        "threads": len(os.sched_getaffinity(0)),
        "variables": {k: v for k, v in os.environ.items() if k.startswith(names)},
    }
    return {**facts, "machine": {**facts["machine"], **more}}


def busy_share(seconds: float = 1.0) -> float:
    """Returns the share of all cores' time, 0 to 1, that is used while this process
    sleeps for so many seconds."""
    before = _cpu_times()
    time.sleep(seconds)
    spent = [new - old for new, old in zip(_cpu_times(), before, strict=True)]
    idle = spent[3] + spent[4]  # idle, and waiting for a disk
    return 1 - idle / max(sum(spent), 1)


def _cpu_times() -> list[int]:
    """Returns the ticks of all cores by kind, less the guests', counted already."""
    with open("/proc/stat") as lines:
        return [int(field) for field in lines.readline().split()[1:9]]


def _cpu_flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return sorted(value.split())
    return []
