"""The names of the files in a checkpoint folder, and its JSON read as data."""

import json
from pathlib import Path
from typing import Any

from resnet_tf.config import ExperimentConfig
from resnet_tf.disk import write_text
from resnet_tf.errors import CheckpointError

WEIGHTS, CONFIG, METRICS = "model.weights.h5", "config.json", "metrics.json"


def read_config(path: Path) -> ExperimentConfig:
    """Returns the experiment in a `config.json`.

    Raises:
        CheckpointError: If it is missing, no JSON, or has a wrong setting.
    """
    try:
        return ExperimentConfig.from_dict(read_json(path))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Raises:
        CheckpointError: If the file is missing or holds no JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} must hold a JSON object")
    return data


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Writes a JSON file; it replaces its predecessor in one step."""
    write_text(path, json_text(data))


def json_text(data: dict[str, Any]) -> str:
    """Returns the text of a JSON file."""
    return json.dumps(data, indent=2) + "\n"
