"""CIFAR ResNets of two PyTorch projects, of any depth 6n+2.

Both name their layers as torchvision does. akamaster's network has the shortcut
without parameters (option A: every second pixel, half of the zeros on either side)
and the head `linear`. chenyaofo's network has a 1x1 convolution with batch norm
(option B) as its shortcut and the head `fc`.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import head_classes, without_counters
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.classes import data_of_classes
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.residual import Structure, equal_lengths, layer_names, structure
from resnet_tf.interop.shapes import checked_assign
from resnet_tf.interop.source import Published, Source

# Settings of both projects, applied to the recipe "akamaster". The projects trained on
# all training images, so there are no validation images.
_COMMON = {"model": "resnet", "order": "post", "stride_padding": "both",
           "bn_epsilon": 1e-5, "validation_size": 0}  # fmt: skip
# Means and standard deviations from the project's training configuration.
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

_STAGES = 3


class _Project(NamedTuple):
    """A project: the names of its head and shortcut, its settings and its errors.

    The settings apply to the recipe. `errors` are the published errors on the 10,000
    test images, in percent, by data set and depth.
    """

    name: str
    head: str
    shortcut: str
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
        "",
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
        "downsample",
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
    """Returns the network in a state dict, or None if it is of neither project.

    Args:
        path: The file of the state dict.
        state_dict: Tensors by name, without prefixes.

    Raises:
        CheckpointError: If the stages differ in length, or a tensor is missing, has
            the wrong shape or has no place in the network.
    """
    found = structure(state_dict)
    # CIFAR ResNets have three stages; ImageNet's have four.
    if found is None or len(found.lengths) != _STAGES:
        return None
    project = _PROJECTS[found.head]
    if found.preactivated:
        raise CheckpointError(_preactivated(found))
    if found.bottleneck:
        raise CheckpointError(
            f"{project.name} must have basic blocks of He et al. 2015, received "
            "bottlenecks"
        )
    blocks = equal_lengths(found, project.name)
    classes = head_classes(state_dict, project.head, project.name)
    data = data_of_classes(classes)
    depth = 6 * blocks + 2
    settings = {
        **_COMMON,
        **project.settings,
        **project.by_dataset.get(data.dataset, {}),
        "dataset": data.dataset,
        "num_residual_blocks": blocks,
    }
    if project.head == "linear" and found.shortcut:
        settings["shortcut"] = "B"
    elif project.head == "fc":
        found = found._replace(shortcut=found.shortcut or "downsample")
    config = ExperimentConfig.from_flat(settings, "akamaster", data.info)
    owner = f"{project.name} ResNet-{depth}"
    tensors = without_counters(state_dict)
    error = project.errors.get((data.dataset, depth))
    if found.shortcut != project.shortcut:
        error = None
    return Source(
        files=(path,),
        family=owner,
        url=project.url,
        assign=checked_assign(config.model, tensors, layer_names(found), owner),
        config=config,
        pytorch=functools.partial(
            pytorch_logits, network=f"cifar_{project.head}", tensors=tensors
        ),
        published=None
        if error is None
        else Published(
            error, f"10,000 test images of {data.dataset}, README of {project.url}"
        ),
        notes=data.notes,
    )


def _preactivated(found: Structure) -> str:
    """Returns the message for a pre-activation network that differs from ours."""
    if found.bottleneck:
        theirs = "projects the raw input and has its stride in the 3x3 convolution"
        ours = (
            "preact164 and preact1001 project the normalized input and have the stride "
            "in the first 1x1 convolution"
        )
    else:
        theirs = "projects the raw input without batch norm"
        ours = "resnet with order=pre and uva_preact project with batch norm"
    return (
        "a pre-activation network must compute the same function as a registered "
        "network, received one (e.g. bearpaw/pytorch-classification's preresnet) whose "
        f"shortcut {theirs}; {ours}"
    )
