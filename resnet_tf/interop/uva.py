"""Imports the Lightning checkpoints of the UvA Deep Learning tutorial 5.

Names contain the numbers of layers inside `nn.Sequential`, which count activations and
pooling too. `hyper_parameters` name the network and its activation.
"""

import functools
import re
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import head_classes, without_counters
from resnet_tf.config import HEAD, NETWORKS, ExperimentConfig
from resnet_tf.config.networks import UVA_URL
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.classes import data_of_classes
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.shapes import checked_assign
from resnet_tf.interop.source import Published, Source

_PUBLISHED = f"10,000 test images of cifar10, tutorial 5 of {UVA_URL}"
_RESNET_BLOCKS = 3
# Indices of GoogLeNet's blocks, by stage. The missing indices are the poolings.
_INCEPTION = ((0, 1), (3, 4, 5, 6), (8, 9))

_RESNET_PARTS = {
    "conv1": "net.0",
    "bn1": "net.1",
    "conv2": "net.3",
    "bn2": "net.4",
    "shortcut/conv": "downsample",
}
_PREACT_PARTS = {
    "bn1": "net.0",
    "conv1": "net.2",
    "bn2": "net.3",
    "conv2": "net.5",
    "shortcut/bn": "downsample.0",
    "shortcut/conv": "downsample.2",
}
_INCEPTION_PARTS = {
    "conv_1x1": ("conv_1x1", 0),
    "reduce_3x3": ("conv_3x3", 0),
    "conv_3x3": ("conv_3x3", 3),
    "reduce_5x5": ("conv_5x5", 0),
    "conv_5x5": ("conv_5x5", 3),
    "conv_pool": ("max_pool", 1),
}
_DENSE_PARTS = {"bn1": 0, "conv1": 2, "bn2": 3, "conv2": 5}
_TRANSITION_PARTS = {"bn": 0, "conv": 2}


def _residual_layer(name: str, parts: Mapping[str, str]) -> str:
    if place := re.fullmatch(r"stage(\d)_block(\d)/(.*)", name):
        block = (int(place[1]) - 1) * _RESNET_BLOCKS + int(place[2]) - 1
        return f"blocks.{block}.{parts[place[3]]}"
    return {"stem_conv": "input_net.0", "stem_bn": "input_net.1"}[name]


def _googlenet_layer(name: str) -> str:
    if place := re.fullmatch(r"stage(\d)_block(\d)/(\w+)/(conv|bn)", name):
        block = _INCEPTION[int(place[1]) - 1][int(place[2]) - 1]
        branch, first = _INCEPTION_PARTS[place[3]]
        return f"inception_blocks.{block}.{branch}.{first + (place[4] == 'bn')}"
    return {"stem/conv": "input_net.0", "stem/bn": "input_net.1"}[name]


def _densenet_layer(name: str) -> str:
    if place := re.fullmatch(r"stage(\d)_layer(\d)/(\w+)", name):
        stage, layer = 2 * (int(place[1]) - 1), int(place[2]) - 1
        return f"blocks.{stage}.block.{layer}.net.{_DENSE_PARTS[place[3]]}"
    if place := re.fullmatch(r"transition(\d)/(\w+)", name):
        stage = 2 * int(place[1]) - 1
        return f"blocks.{stage}.transition.{_TRANSITION_PARTS[place[2]]}"
    return {"stem_conv": "input_net.0", "final_bn": "output_net.0"}[name]


class _Network(NamedTuple):
    """One of the four networks.

    It holds the tutorial's `model_name`, the names of the layers and the network's
    hyper-parameters that must have the tutorial's values.
    """

    title: str
    model_name: str
    head: str
    layer: Callable[[str], str]
    fixed: Mapping[str, Any]


_RESNET_SIZE = {"num_blocks": [3, 3, 3], "c_hidden": [16, 32, 64]}
_DENSENET_SIZE = {"num_layers": [6, 6, 6, 6], "bn_size": 2, "growth_rate": 16}


_NETWORKS = {
    "uva_googlenet": _Network(
        "GoogleNet",
        "GoogleNet",
        "output_net.2",
        _googlenet_layer,
        {},
    ),
    "uva_resnet": _Network(
        "ResNet",
        "ResNet",
        "output_net.2",
        functools.partial(_residual_layer, parts=_RESNET_PARTS),
        {"block_name": "ResNetBlock", **_RESNET_SIZE},
    ),
    "uva_preact": _Network(
        "ResNetPreAct",
        "ResNet",
        "output_net.2",
        functools.partial(_residual_layer, parts=_PREACT_PARTS),
        {"block_name": "PreActResNetBlock", **_RESNET_SIZE},
    ),
    "uva_densenet": _Network(
        "DenseNet",
        "DenseNet",
        "output_net.4",
        _densenet_layer,
        _DENSENET_SIZE,
    ),
}


def recognise(path: Path, state_dict: StateDict, data: Any) -> Source | None:
    """Returns the network in a checkpoint, or None if it is none of the four.

    Args:
        path: The file of the state dict.
        state_dict: Tensors by name.
        data: Contents of the file. Without `hyper_parameters` the activation is ReLU.

    Raises:
        CheckpointError: If the hyper-parameters are another network's, or a tensor
            is missing, has the wrong shape or has no place in the network.
        SettingError: If the activation is unknown.
    """
    tensors = without_counters(state_dict)
    model = _model(tensors)
    if model is None:
        return None
    network, row = _NETWORKS[model], NETWORKS[model]
    owner = f"UvA tutorial 5's {network.title}"
    hyper = data.get("hyper_parameters") if isinstance(data, dict) else None
    classes = head_classes(tensors, network.head, owner)
    about = data_of_classes(classes)
    settings = {
        "model": model,
        "activation": _activation(hyper, network, classes, owner),
        "dataset": about.dataset,
        # The tutorial draws its 5,000 validation images at random. So it trained on
        # most of the images that we hold out.
        "validation_size": 0,
    }
    config = ExperimentConfig.from_flat(settings, row.recipe, about.info)
    return Source(
        files=(path,),
        family=f"UvA Deep Learning tutorial 5 {network.title}",
        url=UVA_URL,
        config=config,
        assign=checked_assign(
            config.model,
            tensors,
            lambda x: network.head if x == HEAD else network.layer(x),
            owner,
        ),
        pytorch=functools.partial(
            pytorch_logits,
            network=model,
            tensors=tensors,
            activation=settings["activation"],
        ),
        published=Published(row.error, _PUBLISHED) if classes == 10 else None,
        notes=about.notes,
    )


def _model(tensors: StateDict) -> str | None:
    """Returns our name of the network with these tensors, or None."""
    if "input_net.0.weight" not in tensors:
        return None
    if any(name.startswith("inception_blocks.") for name in tensors):
        return "uva_googlenet"
    if any(name.startswith("blocks.0.block.") for name in tensors):
        return "uva_densenet"
    if "blocks.0.net.5.weight" in tensors:
        return "uva_preact"
    return "uva_resnet" if "blocks.0.net.0.weight" in tensors else None


def _activation(hyper: Any, network: _Network, classes: int, owner: str) -> str:
    """Checks the hyper-parameters and returns the activation that they name."""
    if hyper is None:
        return "relu"
    model = hyper.get("model_hparams") if isinstance(hyper, dict) else None
    if not isinstance(model, dict) or not _same(
        hyper.get("model_name"), network.model_name
    ):
        raise CheckpointError(
            f"{owner} must have hyper_parameters of {network.model_name}, received "
            f"{_short(hyper)}"
        )
    stated = {"block_name": "ResNetBlock", "act_fn_name": "relu", **model}
    for name, value in {**network.fixed, "num_classes": classes}.items():
        if not _same(received := stated.get(name, value), value):
            raise CheckpointError(
                f"{owner} must have {name}={value!r}, received {_short(received)}"
            )
    activation = stated["act_fn_name"]
    if not isinstance(activation, str):
        raise CheckpointError(
            f"{owner} must have act_fn_name as text, received {_short(activation)}"
        )
    return activation


def _same(received: Any, value: Any) -> bool:
    """Returns whether the short texts of two values are equal.

    Values from a file can be arrays, or take forever to compare.
    """
    received = list(received) if isinstance(received, tuple) else received
    return _short(received) == _short(value)


def _short(value: Any) -> str:
    """Returns a short text of a value, in one line."""
    return " ".join(reprlib.repr(value).split())
