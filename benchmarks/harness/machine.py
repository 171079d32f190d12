"""Where the figures were taken."""

import os
import re
import time
from pathlib import Path
from typing import Any

from resnet_tf.machine import cpu_flags
from resnet_tf.reporting.provenance import provenance, without_folders

# The environment variables that move figures, by their beginnings.
VARIABLES = (
    "GLIBC_TUNABLES",
    "KMP_",
    "LD_PRELOAD",
    "MALLOC_",
    "OMP_",
    "ONEDNN_",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_ONEDNN_",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
)


def environment() -> dict[str, Any]:
    """Returns `provenance()`; its `machine` also has the CPU's `flags`, the `threads`
    that may run and the environment `variables` that move figures, without paths."""
    facts = provenance()
    more = {
        "flags": cpu_flags(),
        "threads": len(os.sched_getaffinity(0)),
        "variables": _variables(),
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


def _variables() -> dict[str, str]:
    """Returns the variables that count; of LD_PRELOAD the names of the files, and
    none whose value is a path."""
    found = {k: v for k, v in os.environ.items() if k.startswith(VARIABLES)}
    preloaded = re.split("[ :]+", found.pop("LD_PRELOAD", ""))
    names = " ".join(Path(path).name for path in preloaded if path)
    kept = {k: without_folders(v) for k, v in found.items() if not _is_path(v)}
    return kept | ({"LD_PRELOAD": names} if names else {})


def _is_path(value: str) -> bool:
    return "/" in value and not re.search(r"[\s=]", value)


def _cpu_times() -> list[int]:
    """Returns the ticks of all cores by kind, less the guests', counted already."""
    with open("/proc/stat") as lines:
        return [int(field) for field in lines.readline().split()[1:9]]
