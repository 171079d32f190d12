"""The file that a command writes its figures to, `--json_output`."""

import json
from pathlib import Path
from typing import Any

from resnet_tf.errors import SettingError


def require_room(path: str | None) -> None:
    """Returns if a file can be made at `path`, or none is wanted.

    Raises:
        SettingError: If it is a folder, or its folder does not exist.
    """
    if path and (Path(path).is_dir() or not Path(path).parent.is_dir()):
        raise SettingError(
            f"json_output must be a file in a folder that exists, received {path}"
        )


def write(path: str | None, record: dict[str, Any]) -> None:
    """Writes the figures, if a file is wanted.

    Raises:
        SettingError: If it cannot be written.
    """
    if not path:
        return
    try:
        Path(path).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"json_output {path} cannot be written: {error.strerror}"
        ) from error
