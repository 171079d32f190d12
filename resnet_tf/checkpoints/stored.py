"""A checkpoint folder that is read once; all later checks use the bytes read.

Opening a checkpoint does not need TensorFlow.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import (
    CONFIG,
    MAX_WEIGHTS,
    METRICS,
    WEIGHTS,
    parse_config,
    read_bytes,
    read_metrics,
)
from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.checkpoints.weights_file import StoredWeights
from resnet_tf.config import ExperimentConfig, network_size
from resnet_tf.config.strict_json import MAX_BYTES
from resnet_tf.errors import CheckpointError

# Maximum ratio of a network's size to the file's size at which the network is built.
_LARGEST_RATIO = 4
# Above the overhead of HDF5 for any network.
_HDF5_BYTES = 64 << 20
_BETWEEN_RENAMES = 0.1  # seconds, enough for all renames of a save


@dataclass(frozen=True)
class StoredCheckpoint:
    """The three files of a checkpoint folder, verified to match.

    Attributes:
        folder: The folder, for messages.
        config: The experiment that made the weights.
        metrics: The content of `metrics.json`.
        weights: The bytes of the weights. Their SHA-256 was verified, and networks are
            loaded from these bytes.
    """

    folder: Path
    config: ExperimentConfig
    metrics: dict[str, Any]
    weights: StoredWeights

    def require_size(self) -> None:
        """Raises if the file is far too small for the network, before building it.

        Raises:
            CheckpointError: If the file is too small, or the bytes are damaged.
        """
        held = sum(map(math.prod, self.weights.shapes.values()))
        network = self.config.model
        wanted = network_size(network).numbers
        if wanted > _LARGEST_RATIO * held:
            raise CheckpointError(
                f"{self.weights.path} must hold the {wanted:,} numbers of "
                f"{network.title}, received {held:,}"
            )


def opened(
    name: str | Path | StoredCheckpoint, argument: str = "ckpt"
) -> StoredCheckpoint:
    """Returns the checkpoint that a user names; an open one is returned unchanged.

    Args:
        name: A released model's name, a checkpoint folder, a run folder, or an open
            checkpoint.
        argument: Name of the argument in the error message.

    Raises:
        CheckpointError: See `resolve` and `open_checkpoint`.
    """
    if isinstance(name, StoredCheckpoint):
        return name
    return open_checkpoint(resolve(str(name), argument))


def open_checkpoint(folder: Path) -> StoredCheckpoint:
    """Returns a checkpoint whose files match. Each file is read once.

    A save renames one file after another. A reader that finds old and new files mixed
    waits for the other renames and reads all files again.

    Args:
        folder: A checkpoint folder. Metrics of earlier versions do not state the
            SHA-256 of the config.

    Raises:
        CheckpointError: If a file is missing or damaged, or does not match the metrics.
    """
    try:
        return _opened(folder)
    except CheckpointError:
        time.sleep(_BETWEEN_RENAMES)
        return _opened(folder)


def _opened(folder: Path) -> StoredCheckpoint:
    settings = read_bytes(folder / CONFIG, MAX_BYTES)
    config = parse_config(folder / CONFIG, settings)
    metrics = read_metrics(folder / METRICS)
    most = min(MAX_WEIGHTS, 8 * network_size(config.model).numbers + _HDF5_BYTES)
    weights = StoredWeights.read(folder / WEIGHTS, most)
    digests = {WEIGHTS: (weights.sha256, metrics.get("weights_sha256"))}
    if "config_sha256" in metrics:
        found = hashlib.sha256(settings).hexdigest()
        digests[CONFIG] = found, metrics["config_sha256"]
    for name, (found, stated) in digests.items():
        if found != stated:
            raise CheckpointError(
                f"{folder / name} must have the SHA-256 that {METRICS} states, "
                f"{stated!s:.64}, received {found}"
            )
    return StoredCheckpoint(folder, config, metrics, weights)
