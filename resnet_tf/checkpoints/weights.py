"""A self-contained checkpoint folder: weights, config and metrics.

`model.weights.h5` has Keras's format, `config.json` holds the whole experiment, and
`metrics.json` holds facts about the weights and the SHA-256 of the other two files. All
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
        folder: The checkpoint folder.
        config: The experiment that made the weights.
        metrics: The content of `metrics.json`.
        model: The network with these weights.
    """

    folder: Path
    config: ExperimentConfig
    metrics: dict[str, Any]
    model: keras.Model


class _InMemory(io.BytesIO):
    """An in-memory file that Keras accepts as a weight file.

    HDF5 does not survive a full disk: the process crashes later. So Keras writes to
    memory, and Python writes the file.
    """

    def __str__(self) -> str:
        return WEIGHTS


def save_checkpoint(
    folder: Path,
    model: keras.Model,
    config: ExperimentConfig,
    metrics: dict[str, Any],
) -> None:
    """Writes the three files; they replace old files once all are written.

    Args:
        folder: The checkpoint folder, created if missing.
        model: The network.
        config: The experiment.
        metrics: JSON values, to which the SHA-256 of weights and config are added.

    Raises:
        OSError: If the files cannot be written; the old files are then kept.
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
    """Replaces the weights of a checkpoint, and their SHA-256 in the metrics.

    Args:
        folder: A checkpoint folder.
        weights: A `.weights.h5` of the same network on the same disk; it is moved.
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

    The file must hold exactly the weights of the network, with the right shapes and
    finite values. Its kernels can be float16; see `write_half`. The loaded bytes are
    the bytes whose SHA-256 was verified.

    Args:
        source: A checkpoint folder, or an open checkpoint.
        dtype: Keras dtype policy of the model.

    Raises:
        CheckpointError: If a file is missing or damaged, or the weights do not fit the
            config.
    """
    if not isinstance(source, StoredCheckpoint):
        source = open_checkpoint(source)
    source.require_size()
    config = source.config
    model = build_model(config.model, dtype=dtype, input_shape=config.image_shape)
    fill_strictly(model, source.weights)
    return Checkpoint(source.folder, config, source.metrics, model)


def load_weights_strictly(model: keras.Model, path: Path) -> None:
    """Loads `path` if it holds exactly the weights of `model`; see `fill_strictly`.

    Raises:
        CheckpointError: If the file is missing or too large; also see `fill_strictly`.
    """
    fill_strictly(model, StoredWeights.read(path))


def fill_strictly(model: keras.Model, weights: StoredWeights) -> None:
    """Loads stored weights if they are exactly the weights of `model`.

    Keras never reads the stored file: the values are copied into a file that Keras
    wrote for the model.

    Raises:
        CheckpointError: If a weight is missing, not finite, has another shape or
            belongs to no layer, a variance is negative, or the file is not valid (see
            `weights_file`); the model is then unchanged.
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
    """Raises unless the weights have the expected names and shapes."""
    found = weights.shapes
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            there, wanted = found.get(name, "missing"), expected.get(name, "nothing")
            raise CheckpointError(
                f"{weights.path} must hold the {len(expected)} weights of "
                f"{model.name}, received {len(found)}; the first that differs is "
                f"{name:.80}: {there}, the network has {wanted} there"
            )
