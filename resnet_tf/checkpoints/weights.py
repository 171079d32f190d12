"""A checkpoint folder: weights, config and metrics, and nothing else needed.

`model.weights.h5` is Keras's own format, `config.json` the whole experiment,
`metrics.json` what is known of the weights, their SHA-256 included. All three
are data: nothing in them is executed.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
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
    read_config,
    read_json,
    write_json,
)
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
    """Writes the three files; each replaces its predecessor in one step.

    Args:
        folder: Made if it is not there.
        model: The network.
        config: The experiment.
        metrics: JSON values; the SHA-256 of the weights is added.

    Raises:
        OSError: If they cannot be written; those that were there stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG, config.to_dict())
    content = _InMemory()
    model.save_weights(content)
    with _replacing(folder, metrics) as weights:
        weights.write_bytes(content.getbuffer())


def replace_weights(folder: Path, weights: Path) -> None:
    """Gives a checkpoint other weights of the same network, and their SHA-256.

    Args:
        folder: A checkpoint folder.
        weights: A `.weights.h5` on the same disk; it is moved.
    """
    with _replacing(folder, read_json(folder / METRICS)) as new:
        os.replace(weights, new)


@contextlib.contextmanager
def _replacing(folder: Path, metrics: dict[str, Any]) -> Iterator[Path]:
    """Gives the path to write weights to; their metrics follow with the SHA-256."""
    with replacing(folder / WEIGHTS, folder / METRICS) as (weights, text):
        yield weights
        text.write_text(
            json_text({**metrics, "weights_sha256": sha256(weights)}), encoding="utf-8"
        )


def load_checkpoint(folder: Path, *, dtype: str = "float32") -> Checkpoint:
    """Returns the checkpoint in `folder`, its weights in a new model.

    Every weight of the network must be in the file, with its shape, and the
    file must hold no other. Kernels may be float16 there, see `write_half`.

    Args:
        folder: A checkpoint folder.
        dtype: Keras dtype policy of the model.

    Raises:
        CheckpointError: If a file is missing or damaged, or the weights are of
            another network than the config.
    """
    config = read_config(folder / CONFIG)
    metrics = read_json(folder / METRICS)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"no weights: {weights} is missing")
    if (digest := sha256(weights)) != metrics.get("weights_sha256"):
        raise CheckpointError(
            f"{weights} must have the SHA-256 that {METRICS} states, "
            f"{metrics.get('weights_sha256')}, received {digest}"
        )
    model = build_model(config.model, dtype=dtype)
    load_weights_strictly(model, weights)
    return Checkpoint(folder, config, metrics, model)


def load_weights_strictly(model: keras.Model, path: Path) -> None:
    """Loads `path` if it holds exactly the weights of `model`.

    Raises:
        CheckpointError: If a weight is missing, has another shape or belongs to
            no layer, or the file cannot be read; the model may then be in any
            state.
    """
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / WEIGHTS
        model.save_weights(own)
        expected = _shapes(own)
    try:
        found = _shapes(path)
        wrong = sorted(
            name
            for name in expected.keys() | found.keys()
            if expected.get(name) != found.get(name)
        )
        if wrong:
            raise CheckpointError(
                f"{path} must hold the {len(expected)} weights of {model.name}, "
                f"received {len(found)}; the first that differs is {wrong[0]}"
            )
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} cannot be read: {reason}") from error


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    shapes = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            shapes[name] = item.shape

    with h5py.File(path, "r") as file:
        file.visititems(note)
    return shapes
