"""Recognizes the network in a file of weights."""

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path

from resnet_tf.checkpoints.files import file_sha256
from resnet_tf.checkpoints.normalizer import Normalizer, values
from resnet_tf.checkpoints.state_dict import read_weights
from resnet_tf.errors import CheckpointError, MissingCheckpointError, SettingError
from resnet_tf.interop import cifar_resnet, densenet, imagenet, kuangliu, uva
from resnet_tf.interop.source import Source
from resnet_tf.interop.tf1 import read_tf1
from resnet_tf.interop.tf1_file import is_tf1

KNOWN = (
    "akamaster/pytorch_resnet_cifar10, chenyaofo/pytorch-cifar-models, "
    "kuangliu/pytorch-cifar (ResNet-18, ResNet-34, DenseNet-121), DenseNets of "
    "gpleiss/efficient_densenet_pytorch, bearpaw/pytorch-classification or "
    "andreasveit/densenet-pytorch, torchvision's resnet18 or densenet121, UvA tutorial "
    "5, or a TensorFlow checkpoint of wenxinxu/resnet-in-tensorflow"
)
# A file name of PyTorch's hub ends with the first digits of the SHA-256. Eight digits
# without a letter can also be a date.
_HASH_IN_NAME = re.compile(r".*-(?=\d*[a-f])([0-9a-f]{8})\.(?:th|pth|pt)")


def recognise(path: Path, key: str | None = None) -> Source:
    """Returns the network of the weights at `path`.

    Args:
        path: File, or prefix of several files.
        key: Place of the network in a file with several networks; see
            `find_weights`.

    Raises:
        CheckpointError: If the file is missing or damaged, does not have the SHA-256
            in its name, or has an unknown network.
    """
    try:
        for is_such, read in _FORMATS:
            if is_such(path):
                return read(path, key)
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


def _read_foreign(path: Path, key: str | None) -> Source:
    """Returns the network in a PyTorch or safetensors file."""
    _check_name(path)
    weights = read_weights(path, key)
    tensors = weights.tensors
    found = (
        uva.recognise(path, tensors, weights.data)
        or cifar_resnet.recognise(path, tensors)
        or densenet.recognise(path, tensors)
        or kuangliu.recognise(path, tensors)
        or imagenet.recognise(path, tensors)
    )
    if found is None:
        raise CheckpointError(
            f"the weights must be of {KNOWN}, received {len(tensors)} tensors, e.g. "
            f"{next(iter(tensors), '')!r:.80}"
        )
    notes = (*found.notes, *weights.notes)
    if weights.normalizer is None:
        return dataclasses.replace(found, notes=notes)
    return _normalized(dataclasses.replace(found, notes=notes), weights.normalizer)


def _normalized(source: Source, normalizer: Normalizer) -> Source:
    """Returns the source with the preprocessing in the file."""
    data = source.config.data
    usual = (data.channel_mean, data.channel_std)
    if normalizer.equals(*usual):
        note = f"{normalizer.sentence}, as the import assumes."
        return dataclasses.replace(source, notes=(*source.notes, note))
    data = dataclasses.replace(
        data,
        normalization="mean_std",
        channel_mean=normalizer.mean,
        channel_std=normalizer.std,
    )
    note = (
        f"{normalizer.sentence}. This checkpoint uses it; without it, the import "
        f"assumes {values(*usual)}."
    )
    return dataclasses.replace(
        source,
        config=dataclasses.replace(source.config, data=data),
        notes=(*source.notes, note),
    )


def _read_tf1(path: Path, key: str | None) -> Source:
    if key is not None:
        raise SettingError(
            f"key needs a PyTorch or safetensors file, received {key!r:.80}"
        )
    return read_tf1(path)


def _check_name(path: Path) -> None:
    if not (claimed := _HASH_IN_NAME.fullmatch(path.name)):
        return
    digest = file_sha256(path)
    if not digest.startswith(claimed[1]):
        raise CheckpointError(
            f"the SHA-256 must begin with {claimed[1]}, as the name says, received "
            f"{digest}"
        )


# A test and a reader for each kind of file. The first kind that fits reads the file.
# PyTorch's comes last and accepts any file.
_FORMATS: tuple[
    tuple[Callable[[Path], bool], Callable[[Path, str | None], Source]], ...
] = (
    (is_tf1, _read_tf1),
    (os.path.isfile, _read_foreign),
)
