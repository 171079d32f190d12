"""The names of the files in a checkpoint folder, and the reading of its JSON."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from resnet_tf.checkpoints.schema import require_metrics
from resnet_tf.config import ExperimentConfig, parse_object
from resnet_tf.config.strict_json import MAX_BYTES
from resnet_tf.disk import write_text
from resnet_tf.errors import CheckpointError, DivergedError, MissingCheckpointError

WEIGHTS, CONFIG, METRICS = "model.weights.h5", "config.json", "metrics.json"

# Enough for the names of the most classes that a network can have, 250 bytes each.
_METRICS_BYTES = 24 << 20
# The largest weight file, twice the size of the largest network of `config.size`.
MAX_WEIGHTS = 4 << 30


def read_config(path: Path) -> ExperimentConfig:
    """Returns the experiment in a `config.json`.

    Raises:
        CheckpointError: If the file is missing, is not JSON, or has an invalid setting.
    """
    return parse_config(path, read_bytes(path, MAX_BYTES))


def parse_config(path: Path, content: bytes) -> ExperimentConfig:
    """Returns the experiment in the bytes of a `config.json`.

    Args:
        path: The file of the bytes, for messages.
        content: The bytes.

    Raises:
        CheckpointError: If the bytes are not JSON, or have an invalid setting.
    """
    data = _parse_json(path, content, MAX_BYTES)
    try:
        return ExperimentConfig.from_dict(data)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_json(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Returns the object in a JSON file; see `parse_object`.

    Raises:
        CheckpointError: If the file is missing or does not hold such an object.
    """
    return _parse_json(path, read_bytes(path, max_bytes), max_bytes)


def read_metrics(path: Path) -> dict[str, Any]:
    """Returns the content of a `metrics.json`.

    Counts, errors, intervals, names and SHA-256 have the right type if present; the
    file can hold other values too.

    Raises:
        CheckpointError: If the file is missing, is not strict JSON, or has a value of
            another type.
    """
    metrics = read_json(path, _METRICS_BYTES)
    require_metrics(path, metrics)
    return metrics


def _parse_json(path: Path, content: bytes, max_bytes: int) -> dict[str, Any]:
    try:
        return parse_object(content, max_bytes)
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON as it must be: {error}") from error


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Returns the bytes of a file; the size is checked before reading.

    Raises:
        CheckpointError: If the file is missing, larger than `max_bytes` or cannot be
            read.
    """
    with _opened(path, max_bytes) as file:
        return file.read(max_bytes + 1)


def file_sha256(path: Path, max_bytes: int = MAX_WEIGHTS) -> str:
    """Returns the SHA-256 of a file in hexadecimal; the size is checked first.

    Raises:
        CheckpointError: If the file is missing, larger than `max_bytes` or cannot be
            read.
    """
    with _opened(path, max_bytes) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _opened(path: Path, max_bytes: int) -> Iterator[BinaryIO]:
    """Opens a regular file of at most `max_bytes` bytes."""
    require_file(path)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise CheckpointError(
                    f"{path} must have at most {max_bytes} bytes, received {size}"
                )
            yield file
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error


def require_file(path: Path) -> None:
    """Raises unless a regular file exists.

    Raises:
        MissingCheckpointError: If there is no regular file.
    """
    # This excludes pipes, devices, and names that are not valid on the disk.
    if not os.path.isfile(path):
        raise MissingCheckpointError(f"{path} is missing")


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes a JSON file; it replaces an old file atomically."""
    write_text(path, json_text(data))


def json_text(data: dict[str, Any]) -> str:
    """Returns data as the text of a JSON file.

    Raises:
        DivergedError: If a number is not finite, which JSON does not allow.
    """
    try:
        return json.dumps(data, indent=2, allow_nan=False) + "\n"
    except ValueError as error:
        found = str(error).rpartition(": ")[2]
        raise DivergedError(f"every figure must be finite, received {found}") from error
