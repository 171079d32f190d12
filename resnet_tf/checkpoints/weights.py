"""A checkpoint folder: weights, config and metrics, and nothing else needed.

`model.weights.h5` is Keras's own format, `config.json` the whole experiment,
`metrics.json` what is known of the weights, with the SHA-256 of the other two. All
three are data: nothing in them is executed.
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    json_text,
    read_metrics,
)
from resnet_tf.checkpoints.stored import StoredCheckpoint, open_checkpoint
from resnet_tf.checkpoints.weights_file import Shapes, StoredWeights
from resnet_tf.config import ExperimentConfig
from resnet_tf.disk import replacing, sha256
from resnet_tf.errors import CheckpointError
from resnet_tf.models import build_model


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


def load_checkpoint(
    source: Path | StoredCheckpoint, *, dtype: str = "float32"
) -> Checkpoint:
    """Returns a checkpoint with its weights in a new model.

    Every weight of the network must be in the file, with its shape and finite, and
    the file must hold no other. Kernels may be float16 there, see `write_half`. The
    bytes that are loaded are the bytes whose SHA-256 was verified.

    Args:
        source: A checkpoint folder, or one that is open.
        dtype: Keras dtype policy of the model.

    Raises:
        CheckpointError: If a file is missing or damaged, or the weights are of
            another network than the config.
    """
    if not isinstance(source, StoredCheckpoint):
        source = open_checkpoint(source)
    source.require_size()
    config = source.config
    model = build_model(config.model, dtype=dtype, input_shape=config.image_shape)
    fill_strictly(model, source.weights)
    return Checkpoint(source.folder, config, source.metrics, model)


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
