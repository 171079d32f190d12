"""Where a number came from: code, versions and machine."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from resnet_tf.machine import cpu_name

# What TensorFlow reads at its start and what moves its speed.
_SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
_PACKAGES = ("resnet_tf", "tensorflow", "keras", "numpy")


def provenance() -> dict[str, Any]:
    """Returns `versions`, `commit` and `machine` for a JSON file.

    `commit` is that of the clone which the package lies in, with "-dirty" behind
    it when a tracked file differs, or None for an installed package.
    """
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    machine = {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "settings": {k: os.environ[k] for k in _SETTINGS if k in os.environ},
    }
    return {"versions": versions, "commit": _commit(), "machine": machine}


def _commit() -> str | None:
    clone = Path(__file__).resolve().parents[2]
    if not (clone / ".git").exists():
        return None
    # Tags are passed over: the answer is the commit itself.
    command = ["git", "-C", str(clone), "describe", "--exclude=*"]
    command += ["--always", "--dirty", "--abbrev=40"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
