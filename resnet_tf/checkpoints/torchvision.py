"""Import of torchvision's `resnet18` and `densenet121` into our networks.

The networks are the same, including padding; names and layouts differ.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import (
    assign_tensors,
    head_classes,
    without_counters,
)
from resnet_tf.config import HEAD
from resnet_tf.errors import CheckpointError

# The epsilon of batch norm in both networks.
BN_EPSILON = 1e-5

_RESNET_PARTS = {
    "stem_conv": "conv1",
    "stem_bn": "bn1",
    "shortcut/conv": "downsample.0",
    "shortcut/bn": "downsample.1",
}
_DENSENET_PARTS = {
    "stem_conv": "features.conv0",
    "stem_bn": "features.norm0",
    "final_bn": "features.norm5",
}
# The published densenet121 has "norm.1" for the current name "norm1".
_OLD_NAME = re.compile(r"(.*\.denselayer\d+\.(?:norm|conv))\.([12]\..*)")


def resnet_layer(name: str) -> str:
    """Returns torchvision's name of a residual network's layer, except the head."""
    if place := re.fullmatch(r"stage(\d)_block(\d+)/(.*)", name):
        part = _RESNET_PARTS.get(place[3], place[3])
        return f"layer{place[1]}.{int(place[2]) - 1}.{part}"
    return _RESNET_PARTS[name]


def _densenet_layer(name: str) -> str:
    if place := re.fullmatch(r"stage(\d)_layer(\d+)/(.*)", name):
        part = place[3].replace("bn", "norm")
        return f"features.denseblock{place[1]}.denselayer{place[2]}.{part}"
    if place := re.fullmatch(r"transition(\d)/(.*)", name):
        return f"features.transition{place[1]}.{place[2].replace('bn', 'norm')}"
    return _DENSENET_PARTS[name]


class _Names(NamedTuple):
    """Torchvision's layer names: the head, and a function from our names."""

    head: str
    layer: Callable[[str], str]


_NETWORKS = {
    "resnet18": _Names("fc", resnet_layer),
    "densenet121": _Names("classifier", _densenet_layer),
}
NETWORKS = tuple(_NETWORKS)


def num_classes(network: str, state_dict: Mapping[str, np.ndarray]) -> int:
    """Returns the number of classes of the head in a state dict.

    Args:
        network: A name in `NETWORKS`.
        state_dict: Tensors by torchvision's names.

    Raises:
        CheckpointError: If the head is missing.
    """
    return head_classes(state_dict, _NETWORKS[network].head, f"torchvision's {network}")


def assign(
    model: keras.Model, state_dict: Mapping[str, np.ndarray], *, head: bool = True
) -> int:
    """Assigns the tensors of a state dict to the model; all must be used.

    Args:
        model: `resnet18` or `densenet121`.
        state_dict: Tensors by torchvision's names, or by the older names of the
            published densenet121; `num_batches_tracked` is ignored.
        head: Whether to assign the head too; otherwise it is unchanged.

    Returns:
        The number of weights assigned.

    Raises:
        CheckpointError: If a tensor is missing, has another shape, has values that are
            not finite floating-point numbers, has two names, or does not belong to the
            network; the model is then unchanged.
    """
    left, layer_name = current_names(state_dict), layer_names(model.name)
    if not head:
        theirs = layer_name(HEAD)
        left = {name: x for name, x in left.items() if _layer(name) != theirs}

    def wanted(layer: str) -> str | None:
        return layer_name(layer) if head or layer != HEAD else None

    return assign_tensors(model, left, wanted, f"torchvision's {model.name}")


def layer_names(network: str) -> Callable[[str], str]:
    """Returns the function from our layer names to torchvision's.

    Args:
        network: A name in `NETWORKS`.
    """
    names = _NETWORKS[network]
    return lambda layer: names.head if layer == HEAD else names.layer(layer)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def current_names(state_dict: Mapping[str, np.ndarray]) -> StateDict:
    """Returns the state dict without counters, by current names.

    Raises:
        CheckpointError: If a tensor has two names.
    """
    current = {}
    for name, tensor in without_counters(state_dict).items():
        new = _OLD_NAME.sub(r"\1\2", name)
        if new in current:
            raise CheckpointError(f"the tensor {new} must have one name")
        current[new] = tensor
    return current
