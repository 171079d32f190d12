"""From the path of some weights to what they are."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from resnet_tf.checkpoints.files import file_sha256
from resnet_tf.checkpoints.state_dict import state_dict_of
from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.errors import CheckpointError, MissingCheckpointError, SettingError
from resnet_tf.interop import cifar_resnet, imagenet, uva
from resnet_tf.interop.source import Source
from resnet_tf.interop.tf1 import read_tf1
from resnet_tf.interop.tf1_file import is_tf1

KNOWN = (
    "akamaster/pytorch_resnet_cifar10, chenyaofo/pytorch-cifar-models, torchvision's "
    "resnet18 or densenet121, UvA tutorial 5, or a TensorFlow checkpoint of "
    "wenxinxu/resnet-in-tensorflow"
)
# PyTorch's hub ends a name in the first digits of the file's SHA-256; without a
# letter among them it may as well be a date.
_HASH_IN_NAME = re.compile(r".*-(?=\d*[a-f])([0-9a-f]{8})\.(?:th|pth|pt)")


def recognise(path: Path) -> Source:
    """Returns the network that the weights at `path` are of.

    Args:
        path: A file, or the prefix of several.

    Raises:
        CheckpointError: If it is missing or damaged, not the file that its name
            says, or of no network that is known here.
    """
    try:
        for is_such, read in _FORMATS:
            if is_such(path):
                return read(path)
    except MissingCheckpointError:
        raise
    except (CheckpointError, SettingError) as error:
        message = str(error)
        prefix = "" if message.startswith(str(path)) else f"{path}: "
        raise CheckpointError(prefix + message) from error
    if os.path.isdir(path):
        raise CheckpointError(
            f"{path} must be a file, or the prefix of a TensorFlow checkpoint, "
            "received a folder"
        )
    raise MissingCheckpointError(f"{path} is missing")


def _read_torch(path: Path) -> Source:
    """Returns what a file of `torch.save` is."""
    _check_name(path)
    data = read_torch(path)
    state_dict = state_dict_of(data)
    found = (
        uva.recognise(path, state_dict, data)
        or cifar_resnet.recognise(path, state_dict)
        or imagenet.recognise(path, state_dict)
    )
    if found is None:
        raise CheckpointError(
            f"the weights must be of {KNOWN}, received {len(state_dict)} tensors such "
            f"as {next(iter(state_dict))!r:.80}"
        )
    return found


def _check_name(path: Path) -> None:
    if not (claimed := _HASH_IN_NAME.fullmatch(path.name)):
        return
    digest = file_sha256(path)
    if not digest.startswith(claimed[1]):
        raise CheckpointError(
            f"the SHA-256 must begin with {claimed[1]}, as the name says, received "
            f"{digest}"
        )


# Kinds of files: what tells one, and its reader. The first that fits reads it;
# PyTorch's comes last and takes any file.
_FORMATS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Source]], ...] = (
    (is_tf1, read_tf1),
    (os.path.isfile, _read_torch),
)
