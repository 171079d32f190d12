"""One training on so many replicas of this machine, and how fast it was."""

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
    """Returns the readings of one training; the first, which compiles, is left out.

    Args:
        model: Name of the network, which trains on the embedded digits.
        replicas: GPUs, or processes that share the cores.
        batch: Images in an update, over all replicas.
        updates: Updates between two readings.
        readings: Those that are returned.
        synced: Whether batch norm is synchronised.
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
