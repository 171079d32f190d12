"""The checkpoint folder that a user names with `--ckpt`."""

import os
from pathlib import Path

import resnet_tf
from resnet_tf.checkpoints.files import CONFIG
from resnet_tf.checkpoints.hints import import_command, is_foreign
from resnet_tf.disk import user_path
from resnet_tf.errors import MissingCheckpointError


def pretrained_root() -> Path:
    """Returns the folder of the released models.

    In a clone it is `pretrained/` next to the package; in an installed wheel it is
    inside the package.
    """
    package = Path(resnet_tf.__file__).parent
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def pretrained_names() -> list[str]:
    """Returns the names of the released models."""
    return sorted(path.parent.name for path in pretrained_root().glob(f"*/{CONFIG}"))


def resolve(name: str, argument: str = "ckpt") -> Path:
    """Returns the folder of a released model, a checkpoint or a run.

    Args:
        name: A path to a folder with a `config.json`, or a name in
            `pretrained_names()`. A path takes precedence.
        argument: Name of the argument in the error message.

    Raises:
        MissingCheckpointError: If the folder does not exist.
    """
    for folder in (user_path(name), pretrained_root() / name):
        # Unlike `Path.is_file`, returns False for names that are not valid on the disk.
        if os.path.isfile(folder / CONFIG):
            return folder
    known = ", ".join(pretrained_names()) or "none"
    hint = ""
    if is_foreign(name):
        hint = f"; import a file of another project: {import_command(name)}"
    raise MissingCheckpointError(
        f"{argument} must be a checkpoint or run folder or a released model "
        f"({known}), received {name!r}{hint}"
    )
