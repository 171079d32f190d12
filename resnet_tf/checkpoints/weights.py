"""A checkpoint folder: weights, config and metrics, and nothing else needed.

`model.weights.h5` is Keras's own format, `config.json` the whole experiment,
`metrics.json` what is known of the weights, with the SHA-256 of the other two. All
three are data: nothing in them is executed.
"""

import hashlib
import io
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from resnet_tf.checkpoints.files import (
    CONFIG,
    MAX_WEIGHTS,
    METRICS,
    WEIGHTS,
    json_text,
    parse_config,
    read_bytes,
)
from resnet_tf.checkpoints.metrics import read_metrics
from resnet_tf.checkpoints.weights_file import Shapes, StoredWeights
from resnet_tf.config import ExperimentConfig, ModelConfig, network_size
from resnet_tf.config.strict_json import MAX_BYTES
from resnet_tf.disk import replacing, sha256
from resnet_tf.errors import CheckpointError
from resnet_tf.models import build_model

# How much larger than the file's a network may be that is built to compare them.
_LARGEST_RATIO = 4
# More than HDF5 adds to the numbers of any network.
_HDF5_BYTES = 64 << 20
_BETWEEN_RENAMES = 0.1  # seconds, more than a save needs for all its renames


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
        folder: A checkpoint folder. Metrics of earlier versions do not state the
            SHA-256 of the config.

    Raises:
        CheckpointError: If a file is missing or damaged, or is not the one that the
            metrics describe.
    """
    config, metrics, _ = _read(folder)
    return config, metrics


def _read(folder: Path) -> tuple[ExperimentConfig, dict[str, Any], StoredWeights]:
    """Returns the three files of a checkpoint, which agree; each is read once.

    A save renames one file after another. A reader that sees some old and some new
    files waits for the rest and reads all of them once again.
    """
    try:
        return _read_once(folder)
    except CheckpointError:
        time.sleep(_BETWEEN_RENAMES)
        return _read_once(folder)


def _read_once(
    folder: Path,
) -> tuple[ExperimentConfig, dict[str, Any], StoredWeights]:
    settings = read_bytes(folder / CONFIG, MAX_BYTES)
    config = parse_config(folder / CONFIG, settings)
    metrics = read_metrics(folder / METRICS)
    weights = StoredWeights.read(folder / WEIGHTS, _most_bytes(config.model))
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
    return config, metrics, weights


def load_checkpoint(folder: Path, *, dtype: str = "float32") -> Checkpoint:
    """Returns the checkpoint in `folder`, its weights in a new model.

    Every weight of the network must be in the file, with its shape and finite, and
    the file must hold no other. Kernels may be float16 there, see `write_half`. The
    bytes that are loaded are the bytes whose SHA-256 was verified.

    Args:
        folder: A checkpoint folder.
        dtype: Keras dtype policy of the model.

    Raises:
        CheckpointError: If a file is missing or damaged, or the weights are of
            another network than the config.
    """
    config, metrics, weights = _read(folder)
    _require_size(weights, config.model)
    model = build_model(config.model, dtype=dtype, input_shape=config.image_shape)
    fill_strictly(model, weights)
    return Checkpoint(folder, config, metrics, model)


def _most_bytes(network: ModelConfig) -> int:
    """Returns the largest size of a file for a network: what HDF5 adds is less."""
    return min(MAX_WEIGHTS, 8 * network_size(network).numbers + _HDF5_BYTES)


def _require_size(weights: StoredWeights, network: ModelConfig) -> None:
    """Refuses a small file for a large network before that is built."""
    held = sum(map(math.prod, weights.shapes.values()))
    wanted = network_size(network).numbers
    if wanted > _LARGEST_RATIO * held:
        raise CheckpointError(
            f"{weights.path} must hold the {wanted:,} numbers of {network.title}, "
            f"received {held:,}"
        )


def load_weights_strictly(model: keras.Model, path: Path) -> None:
    """Loads `path` if it holds exactly the weights of `model`, see `fill_strictly`.

    Raises:
        CheckpointError: If the file is missing or too large; and see `fill_strictly`.
    """
    fill_strictly(model, StoredWeights.read(path))


def fill_strictly(model: keras.Model, weights: StoredWeights) -> None:
    """Gives `model` its weights if the file holds exactly these.

    Keras never reads the file: the numbers are copied into a file that it has written
    of the model.

    Raises:
        CheckpointError: If a weight is missing, not finite, has another shape or
            belongs to no layer, a variance is negative, or the file is none as in
            `weights_file`; the model is unchanged then.
    """
    own = _InMemory()
    model.save_weights(own)
    _require_same(weights, StoredWeights(Path(WEIGHTS), own.getvalue()).shapes, model)
    before = _InMemory(own.getvalue())
    with h5py.File(own, "r+") as file:
        for name, value in weights.values():
            file[name][...] = value
    model.load_weights(own)
    for weight in model.weights:
        if weight.name == "moving_variance" and (lowest := _lowest(weight)) < 0:
            model.load_weights(before)
            raise CheckpointError(
                f"{weights.path} must hold variances of at least 0, received "
                f"{lowest:g} in {weight.path}"
            )


def _lowest(weight: keras.Variable) -> float:
    return float(keras.ops.min(weight))


def _require_same(weights: StoredWeights, expected: Shapes, model: keras.Model) -> None:
    """Refuses weights of other names or shapes than expected."""
    found = weights.shapes
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            there, wanted = found.get(name, "missing"), expected.get(name, "nothing")
            raise CheckpointError(
                f"{weights.path} must hold the {len(expected)} weights of "
                f"{model.name}, received {len(found)}; the first that differs is "
                f"{name:.80}: {there}, the network has {wanted} there"
            )
