"""The files of a source and the folder that it becomes."""

from pathlib import Path

from resnet_tf.errors import SettingError


def require_new(output: Path) -> None:
    """Returns if `output` does not exist yet or is an empty folder.

    Raises:
        SettingError: If something is there.
    """
    try:
        taken = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    except OSError as error:
        raise SettingError(
            f"output {output} cannot be used: {error.strerror}"
        ) from error
    if taken:
        raise SettingError(
            f"output must be a new or an empty folder, received {output}"
        )
