"""The file that a command writes its figures to, `--json_output`."""

import os
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import json_text
from resnet_tf.disk import user_path, write_text, writing
from resnet_tf.errors import OutputError, SettingError
from resnet_tf.ownership import holds_record, require_own_file

# What `eval.py` writes has no provenance.
_OF_EVALUATION = {"checkpoint", "interval", "per_class_error", "preprocessing"}


def require_room(path: str | None) -> None:
    """Raises unless a file can be made at `path`, or none is wanted.

    Raises:
        OutputError: If it is a folder or a file of another program, or its folder does
            not exist or takes no files.
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
    if not os.access(folder, os.W_OK) and not os.path.exists(file):
        raise OutputError(
            f"json_output {path} cannot be written: its folder is read-only"
        )
    require_own_file(file, "json_output", _is_ours)


def write(path: str | None, record: dict[str, Any]) -> None:
    """Writes the figures, if a file is wanted.

    Raises:
        OutputError: If it cannot be written, or another program has made it meanwhile.
    """
    if path is None:
        return
    file = user_path(path)
    require_own_file(file, "json_output", _is_ours)
    with writing(path, "json_output"):
        # A link stays one, and a device is written to.
        if file.is_symlink() or (file.exists() and not file.is_file()):
            file.write_text(json_text(record), encoding="utf-8")
        else:
            write_text(file, json_text(record))


def _is_ours(file: Path) -> bool:
    return holds_record(file, _OF_EVALUATION)
