"""Measures the speed of one training with a number of replicas on this machine."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from resnet_tf.runs.folder import HISTORY
from resnet_tf.runs.history import read_history

ROOT = Path(__file__).resolve().parents[2]


def measured(
    model: str,
    replicas: int,
    *,
    batch: int,
    updates: int,
    readings: int,
    synced: bool,
    gpu: bool,
) -> dict[str, Any]:
    """Returns the readings of one training, without the first, which compiles.

    Args:
        model: Name of the network, which trains on the built-in digits.
        replicas: Number of GPUs, or of processes that share the cores.
        batch: Number of images in an update, over all replicas.
        updates: Number of updates between two readings.
        readings: Number of readings to return.
        synced: Whether batch norm is synchronized.
        gpu: Whether the replicas are GPUs.
    """
    arguments = [
        f"--model={model}",
        "--recipe=quickstart",
        f"--train_batch_size={batch}",
        f"--train_steps={updates * (readings + 1)}",
        f"--report_freq={updates}",
        f"--steps_per_call={updates}",
        f"--sync_batch_norm={str(synced).lower()}",
        "--run_dir=run",
    ]
    python, environment = [sys.executable], {**os.environ, "PYTHONPATH": str(ROOT)}
    if gpu:
        arguments.append("--strategy=mirrored")
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(replicas)))
    elif replicas > 1:
        python += ["-m", "resnet_tf", "launch", f"--workers={replicas}", "--"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [*python, str(ROOT / "train.py"), *arguments],
            cwd=folder,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        rows = read_history(Path(folder, "run", HISTORY))
    return {
        "replicas": replicas,
        "sync_batch_norm": synced,
        "images_per_second": [row.images_per_second for row in rows[1:]],
    }
