"""Describes the machine on which the figures were measured."""

import os
import re
import time
from pathlib import Path
from typing import Any

from resnet_tf.machine import cpu_flags
from resnet_tf.reporting.provenance import provenance, without_folders

# Prefixes of the environment variables that affect the figures.
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
    """Returns `provenance()` with more facts in its `machine`.

    These are the CPU's `flags`, the number of `threads` that can run, and the
    environment `variables` that affect the figures, without paths.
    """
    facts = provenance()
    more = {
        "flags": cpu_flags(),
        "threads": len(os.sched_getaffinity(0)),
        "variables": _variables(),
    }
    return {**facts, "machine": {**facts["machine"], **more}}


def busy_share(seconds: float = 1.0) -> float:
    """Returns the used share of all cores, 0 to 1, while this process sleeps."""
    before = _cpu_times()
    time.sleep(seconds)
    spent = [new - old for new, old in zip(_cpu_times(), before, strict=True)]
    idle = spent[3] + spent[4]  # idle, and waiting for a disk
    return 1 - idle / max(sum(spent), 1)


def _variables() -> dict[str, str]:
    """Returns the relevant variables, without those whose value is a path.

    LD_PRELOAD is reduced to file names.
    """
    found = {k: v for k, v in os.environ.items() if k.startswith(VARIABLES)}
    preloaded = re.split("[ :]+", found.pop("LD_PRELOAD", ""))
    names = " ".join(Path(path).name for path in preloaded if path)
    kept = {k: without_folders(v) for k, v in found.items() if not _is_path(v)}
    return kept | ({"LD_PRELOAD": names} if names else {})


def _is_path(value: str) -> bool:
    return "/" in value and not re.search(r"[\s=]", value)


def _cpu_times() -> list[int]:
    """Returns the ticks of all cores by kind; guest time is already included."""
    with open("/proc/stat") as lines:
        return [int(field) for field in lines.readline().split()[1:9]]
