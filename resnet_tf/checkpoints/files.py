"""The names of the files in a checkpoint folder, and its JSON read as data."""

import json
import os
from pathlib import Path
from typing import Any

from resnet_tf.config import ExperimentConfig, parse_object
from resnet_tf.config.strict_json import MAX_BYTES
from resnet_tf.disk import sha256, write_text
from resnet_tf.errors import CheckpointError, MissingCheckpointError

WEIGHTS, CONFIG, METRICS = "model.weights.h5", "config.json", "metrics.json"


def read_config(path: Path) -> ExperimentConfig:
    """Returns the experiment in a `config.json`.

    Raises:
        CheckpointError: If it is missing, no JSON, or has a wrong setting.
    """
    data = read_json(path)
    try:
        return ExperimentConfig.from_dict(data)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_json(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Returns the object in a JSON file, see `parse_object`.

    Raises:
        CheckpointError: If the file is missing or holds no such object.
    """
    require_file(path)
    try:
        with open(path, "rb") as file:
            return parse_object(file.read(max_bytes + 1), max_bytes)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not JSON as it must be: {error}") from error


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file that is read, in hexadecimal.

    Raises:
        CheckpointError: If it is missing or cannot be read.
    """
    require_file(path)
    try:
        return sha256(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error


def require_file(path: Path) -> None:
    """Returns if there is a file.

    Raises:
        MissingCheckpointError: If not.
    """
    # Neither a pipe or a device, nor a name that no disk takes.
    if not os.path.isfile(path):
        raise MissingCheckpointError(f"{path} is missing")


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes a JSON file; it replaces its predecessor in one step."""
    write_text(path, json_text(data))


def json_text(data: dict[str, Any]) -> str:
    """Returns the text of a JSON file."""
    return json.dumps(data, indent=2) + "\n"
