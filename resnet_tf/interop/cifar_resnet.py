"""CIFAR ResNets of two PyTorch projects, of any depth 6n+2.

Both name their layers as torchvision does. akamaster's has the shortcut without
parameters (option A: every second pixel, half of the zeros on either side) and
the head `linear`, chenyaofo's a 1x1 convolution with batch norm (option B) and the
head `fc`.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import (
    assign_tensors,
    head_classes,
    without_counters,
)
from resnet_tf.checkpoints.torchvision import resnet_layer
from resnet_tf.config import CIFAR_OF_CLASSES, HEAD, ExperimentConfig
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.source import Published, Source

# What is alike, as settings over the recipe "akamaster". The validation images
# were trained on, so there are none.
_COMMON = {"model": "resnet", "order": "post", "stride_padding": "both",
           "bn_epsilon": 1e-5, "validation_size": 0}  # fmt: skip
# The means and deviations are those of the project's training configuration.
_CHENYAOFO_DATA = {
    "cifar10": {
        "channel_mean": (0.4914, 0.4822, 0.4465),
        "channel_std": (0.2023, 0.1994, 0.2010),
    },
    "cifar100": {
        "channel_mean": (0.5070, 0.4865, 0.4409),
        "channel_std": (0.2673, 0.2564, 0.2761),
    },
}
_CHENYAOFO = {
    "shortcut": "B",
    "kernel_initializer": "he_fan_out",
    "train_batch_size": 256,
    "schedule": "cosine",
    "nesterov": True,
    "weight_decay": 5e-4,
}


class _Project(NamedTuple):
    """A project: its head, its settings over the recipe, and what it states.

    `errors` are in percent, by data set and depth, on the 10,000 test images.
    """

    name: str
    head: str
    settings: Mapping[str, Any]
    by_dataset: Mapping[str, Mapping[str, Any]]
    errors: Mapping[tuple[str, int], float]

    @property
    def url(self) -> str:
        return f"https://github.com/{self.name}"


_PROJECTS = {
    "linear": _Project(
        "akamaster/pytorch_resnet_cifar10",
        "linear",
        {"shortcut": "A-subsample"},
        {},
        {
            ("cifar10", 20): 8.27,
            ("cifar10", 32): 7.37,
            ("cifar10", 44): 6.90,
            ("cifar10", 56): 6.61,
            ("cifar10", 110): 6.32,
            ("cifar10", 1202): 6.18,
        },
    ),
    "fc": _Project(
        "chenyaofo/pytorch-cifar-models",
        "fc",
        _CHENYAOFO,
        _CHENYAOFO_DATA,
        {
            ("cifar10", 20): 7.40,
            ("cifar10", 32): 6.47,
            ("cifar10", 44): 5.99,
            ("cifar10", 56): 5.63,
            ("cifar100", 20): 31.17,
            ("cifar100", 32): 29.84,
            ("cifar100", 44): 28.37,
            ("cifar100", 56): 27.37,
        },
    ),
}


def recognise(path: Path, state_dict: StateDict) -> Source | None:
    """Returns the network in a state dict, None if it is of neither project.

    Args:
        path: The file that it was read from.
        state_dict: Tensors by name, without the prefix "module.".

    Raises:
        CheckpointError: If the stages differ in length, or the classes are
            neither CIFAR-10's nor CIFAR-100's.
    """
    layers = {name.rpartition(".")[0] for name in state_dict}
    heads = [head for head in _PROJECTS if head in layers]
    # Three stages of two convolutions a block; ImageNet's have a fourth.
    if len(heads) != 1 or "layer1.0.conv1" not in layers or _stages(layers) != 3:
        return None
    project = _PROJECTS[heads[0]]
    blocks = _blocks(layers, project.name)
    classes = head_classes(state_dict, project.head, project.name)
    if classes not in CIFAR_OF_CLASSES:
        raise CheckpointError(
            f"{project.name} must have 10 or 100 classes, received {classes}"
        )
    dataset, depth = CIFAR_OF_CLASSES[classes], 6 * blocks + 2
    settings = {
        **_COMMON,
        **project.settings,
        **project.by_dataset.get(dataset, {}),
        "dataset": dataset,
        "num_residual_blocks": blocks,
    }
    tensors = without_counters(state_dict)
    error = project.errors.get((dataset, depth))
    return Source(
        files=(path,),
        family=f"{project.name} ResNet-{depth}",
        url=project.url,
        config=ExperimentConfig.from_flat(settings, "akamaster"),
        assign=functools.partial(
            assign_tensors,
            tensors=tensors,
            layer_name=lambda x: project.head if x == HEAD else resnet_layer(x),
            owner=f"{project.name} ResNet-{depth}",
        ),
        pytorch=functools.partial(
            pytorch_logits, network=f"cifar_{project.head}", tensors=tensors
        ),
        published=None
        if error is None
        else Published(
            error, f"10,000 test images of {dataset}, README of {project.url}"
        ),
    )


def _stages(layers: set[str]) -> int:
    return len({layer.partition(".")[0] for layer in layers if _block(layer)})


def _block(layer: str) -> re.Match | None:
    return re.match(r"layer(\d+)\.(\d+)\.", layer)


def _blocks(layers: set[str], project: str) -> int:
    """Returns the blocks of each stage."""
    found = [place for layer in layers if (place := _block(layer))]
    lengths = [
        len({place[2] for place in found if place[1] == stage}) for stage in "123"
    ]
    if len(set(lengths)) != 1:
        raise CheckpointError(
            f"{project} must have as many blocks in each stage, received "
            f"{', '.join(map(str, lengths))}"
        )
    return lengths[0]
