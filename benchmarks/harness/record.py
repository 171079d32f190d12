"""Writes the record of a benchmark."""

import json
from pathlib import Path
from typing import Any

from absl import app

from resnet_tf.errors import OutputError
from resnet_tf.ownership import holds_record, require_own_file

# The keys of the benchmark record that has no provenance.
_OTHERS = ({"command", "summary", "seconds_whole_command"},)


def make_room(path: str | None) -> None:
    """Creates the folder of a file, so that an error occurs before the benchmark runs.

    Args:
        path: The value of the flag `json_output`.

    Raises:
        absl.app.UsageError: If the folder cannot be created, or another program made
            the file.
    """
    if path is None:
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        _require_own(path)
    except OSError as error:
        raise app.UsageError(f"json_output={path}: {error.strerror}", 2) from error
    except OutputError as error:
        raise app.UsageError(str(error), 2) from error


def write(record: dict[str, Any], path: str | None) -> None:
    """Writes the record; does nothing if `path` is None.

    Raises:
        OutputError: If another program made the file.
    """
    if path is not None:
        _require_own(path)
        Path(path).write_text(json.dumps(record, indent=2) + "\n")


def _require_own(path: str) -> None:
    require_own_file(
        Path(path), "json_output", lambda file: holds_record(file, *_OTHERS)
    )
