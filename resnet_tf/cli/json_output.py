"""The file that a command writes its figures to, `--json_output`."""

import os
from typing import Any

from resnet_tf.checkpoints.files import json_text
from resnet_tf.disk import user_path, writing
from resnet_tf.errors import OutputError, SettingError


def require_room(path: str | None) -> None:
    """Returns if a file can be made at `path`, or none is wanted.

    Raises:
        OutputError: If it is a folder, or its folder does not exist or takes no
            files.
        SettingError: If it is empty.
    """
    if path is None:
        return
    if not path:
        raise SettingError("json_output must not be empty")
    file = user_path(path)
    folder = file.parent
    if os.path.isdir(file) or not os.path.isdir(folder):
        raise OutputError(
            f"json_output must be a file in a folder that exists, received {path}"
        )
    if not os.access(folder, os.W_OK):
        raise OutputError(
            f"json_output {path} cannot be written: its folder is read-only"
        )


def write(path: str | None, record: dict[str, Any]) -> None:
    """Writes the figures, if a file is wanted.

    Raises:
        OutputError: If it cannot be written.
    """
    if path is None:
        return
    with writing(path, "json_output"):
        user_path(path).write_text(json_text(record), encoding="utf-8")
