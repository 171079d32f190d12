"""From what a user types after `--ckpt` to a checkpoint folder."""

from pathlib import Path

import resnet_tf
from resnet_tf.checkpoints.files import CONFIG
from resnet_tf.errors import CheckpointError


def pretrained_root() -> Path:
    """Returns the folder of the released models.

    In a clone it is `pretrained/` beside the package, in an installed wheel a
    folder of that name inside it.
    """
    package = Path(resnet_tf.__file__).parent
    inside = package / "pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def pretrained_names() -> list[str]:
    """Returns the names of the released models."""
    return sorted(path.parent.name for path in pretrained_root().glob(f"*/{CONFIG}"))


def resolve(name: str) -> Path:
    """Returns the folder of a released model, a checkpoint or a run.

    Args:
        name: A path to a folder with a `config.json`, or a name in
            `pretrained_names()`. A path wins.

    Raises:
        CheckpointError: If there is no such folder.
    """
    for folder in (Path(name), pretrained_root() / name):
        if (folder / CONFIG).is_file():
            return folder
    known = ", ".join(pretrained_names()) or "none"
    raise CheckpointError(
        f"ckpt must be a checkpoint or run folder or a released model ({known}), "
        f"received {name!r}"
    )
