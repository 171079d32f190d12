"""The file that a command writes its figures to, `--json_output`."""

import json
import os
from pathlib import Path
from typing import Any

from resnet_tf.errors import SettingError


def require_room(path: str | None) -> None:
    """Returns if a file can be made at `path`, or none is wanted.

    Raises:
        SettingError: If it is a folder, or its folder does not exist or takes no
            files.
    """
    if path is None:
        return
    folder = os.path.dirname(path) or os.curdir
    if not path or os.path.isdir(path) or not os.path.isdir(folder):
        raise SettingError(
            "json_output must be a file in a folder that exists, received "
            f"{path or 'nothing'}"
        )
    if not os.access(folder, os.W_OK):
        raise SettingError(
            f"json_output {path} cannot be written: its folder is read-only"
        )


def write(path: str | None, record: dict[str, Any]) -> None:
    """Writes the figures, if a file is wanted.

    Raises:
        SettingError: If it cannot be written.
    """
    if path is None:
        return
    try:
        Path(path).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"json_output {path} cannot be written: {error.strerror}"
        ) from error
