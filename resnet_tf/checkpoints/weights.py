"""A checkpoint folder: weights, config and metrics, and nothing else needed.

`model.weights.h5` is Keras's own format, `config.json` the whole experiment,
`metrics.json` what is known of the weights, with the SHA-256 of the other two. All
three are data: nothing in them is executed.
"""

import io
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    file_sha256,
    json_text,
    read_config,
)
from resnet_tf.checkpoints.metrics import read_metrics
from resnet_tf.checkpoints.weights_file import Shapes, require_finite, stored_shapes
from resnet_tf.config import ExperimentConfig, ModelConfig, network_size
from resnet_tf.disk import replacing, sha256
from resnet_tf.errors import CheckpointError
from resnet_tf.models import build_model

# How much larger than the file's a network may be that is built to compare them.
_LARGEST_RATIO = 4


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder, read and verified.

    Attributes:
        folder: Where it lies.
        config: The experiment that made the weights.
        metrics: What `metrics.json` says of them.
        model: The network with these weights.
    """

    folder: Path
    config: ExperimentConfig
    metrics: dict[str, Any]
    model: keras.Model


class _InMemory(io.BytesIO):
    """A file that Keras takes for one of weights. HDF5 does not survive a full disk:
    the process crashes later. So it writes here, and Python to the disk."""

    def __str__(self) -> str:
        return WEIGHTS


def save_checkpoint(
    folder: Path,
    model: keras.Model,
    config: ExperimentConfig,
    metrics: dict[str, Any],
) -> None:
    """Writes the three files; they replace their predecessors when all are written.

    Args:
        folder: Made if it is not there.
        model: The network.
        config: The experiment.
        metrics: JSON values; the SHA-256 of weights and config are added.

    Raises:
        OSError: If they cannot be written; those that were there stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = _InMemory()
    model.save_weights(content)
    paths = folder / CONFIG, folder / WEIGHTS, folder / METRICS
    with replacing(*paths) as (settings, weights, stated):
        _write(settings, config.to_dict())
        weights.write_bytes(content.getbuffer())
        digests = {"config_sha256": sha256(settings), "weights_sha256": sha256(weights)}
        _write(stated, {**metrics, **digests})


def replace_weights(folder: Path, weights: Path) -> None:
    """Gives a checkpoint other weights of the same network, and their SHA-256.

    Args:
        folder: A checkpoint folder.
        weights: A `.weights.h5` on the same disk; it is moved.
    """
    metrics = read_metrics(folder / METRICS)
    with replacing(folder / WEIGHTS, folder / METRICS) as (new, stated):
        os.replace(weights, new)
        _write(stated, {**metrics, "weights_sha256": sha256(new)})


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json_text(data), encoding="utf-8")


def verified(folder: Path) -> tuple[ExperimentConfig, dict[str, Any]]:
    """Returns what `config.json` and `metrics.json` say, once all three files agree.

    Args:
        folder: A checkpoint folder. That metrics state the config's SHA-256 is not
            asked for: those of earlier versions do not.

    Raises:
        CheckpointError: If a file is missing or damaged, or is another than the one
            that the metrics are of.
    """
    config = read_config(folder / CONFIG)
    metrics = read_metrics(folder / METRICS)
    stated = {WEIGHTS: metrics.get("weights_sha256")}
    if "config_sha256" in metrics:
        stated[CONFIG] = metrics["config_sha256"]
    for name, digest in stated.items():
        if (found := file_sha256(folder / name)) != digest:
            raise CheckpointError(
                f"{folder / name} must have the SHA-256 that {METRICS} states, "
                f"{digest!s:.64}, received {found}"
            )
    return config, metrics


def load_checkpoint(folder: Path, *, dtype: str = "float32") -> Checkpoint:
    """Returns the checkpoint in `folder`, its weights in a new model.

    Every weight of the network must be in the file, with its shape and finite, and
    the file must hold no other. Kernels may be float16 there, see `write_half`.

    Args:
        folder: A checkpoint folder.
        dtype: Keras dtype policy of the model.

    Raises:
        CheckpointError: If a file is missing or damaged, or the weights are of
            another network than the config.
    """
    config, metrics = verified(folder)
    weights = folder / WEIGHTS
    _require_size(weights, stored_shapes(weights), config.model)
    model = build_model(config.model, dtype=dtype)
    load_weights_strictly(model, weights)
    return Checkpoint(folder, config, metrics, model)


def _require_size(weights: Path, shapes: Shapes, network: ModelConfig) -> None:
    """Refuses a small file for a large network before that is built."""
    held = sum(map(math.prod, shapes.values()))
    wanted = network_size(network).numbers
    if wanted > _LARGEST_RATIO * held:
        raise CheckpointError(
            f"{weights} must hold the {wanted:,} numbers of {network.title}, received "
            f"{held:,}"
        )


def load_weights_strictly(model: keras.Model, path: Path) -> None:
    """Loads `path` if it holds exactly the weights of `model`.

    Raises:
        CheckpointError: If a weight is missing, not finite, has another shape or
            belongs to no layer, or the file is none as in `weights_file`; the model
            is unchanged then.
    """
    found = stored_shapes(path)
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / WEIGHTS
        model.save_weights(own)
        expected = stored_shapes(own)
    wrong = sorted(
        name
        for name in expected.keys() | found.keys()
        if expected.get(name) != found.get(name)
    )
    if wrong:
        raise CheckpointError(
            f"{path} must hold the {len(expected)} weights of {model.name}, received "
            f"{len(found)}; the first that differs is {wrong[0]:.80}"
        )
    require_finite(path)
    try:
        model.load_weights(path)
    except Exception as error:  # damage shows anywhere in HDF5
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} cannot be read: {reason}") from error
