"""The file that a benchmark writes."""

import json
from pathlib import Path
from typing import Any

from absl import app


def make_room(path: str | None) -> None:
    """Makes the folder of a file, so that it fails now rather than when all is done.

    Args:
        path: The value of the flag `json_output`.

    Raises:
        absl.app.UsageError: If the folder cannot be made.
    """
    if path is None:
        return
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise app.UsageError(f"json_output={path}: {error.strerror}", 2) from error


def write(record: dict[str, Any], path: str | None) -> None:
    """Writes the record, or nothing if there is no path."""
    if path is not None:
        Path(path).write_text(json.dumps(record, indent=2) + "\n")
