"""kuangliu/pytorch-cifar: ResNet-18, ResNet-34 and DenseNet-121 for 32x32 pixels.

A ResNet with torchvision's names and a 3x3 first kernel is taken as the same network.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import head_classes, without_counters
from resnet_tf.config import HEAD, ExperimentConfig
from resnet_tf.interop.classes import data_of_classes
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.residual import known_lengths, layer_names, structure
from resnet_tf.interop.shapes import checked_assign
from resnet_tf.interop.source import Published, Source

_NAME = "kuangliu/pytorch-cifar"
_URL = f"https://github.com/{_NAME}"
_LENGTHS = {(2, 2, 2, 2): "resnet18_cifar", (3, 4, 6, 3): "resnet34_cifar"}
_TITLES = {
    "resnet18_cifar": "ResNet-18",
    "resnet34_cifar": "ResNet-34",
    "densenet121_cifar": "DenseNet-121",
}
# Published errors on CIFAR-10, in percent.
_ERRORS = {"resnet18_cifar": 6.98, "densenet121_cifar": 4.96}
_DENSENET = "densenet121_cifar"
_DENSENET_PARTS = {"stem_conv": "conv1", "final_bn": "bn", HEAD: "linear"}
_POOLING_NOTE = (
    "The names are torchvision's and the first kernel is 3x3. The file does not say "
    "whether max pooling follows. This network has no max pooling."
)
# The project trains with batches of 128, weight decay 5e-4, a cosine over 200 epochs.
_SETTINGS = {
    "bn_epsilon": 1e-5,
    "validation_size": 0,
    "schedule": "cosine",
    "weight_decay": 5e-4,
    "channel_mean": (0.4914, 0.4822, 0.4465),
    "channel_std": (0.2023, 0.1994, 0.2010),
}


def recognise(path: Path, state_dict: StateDict) -> Source | None:
    """Returns the network in a state dict, or None if it is none of these.

    Args:
        path: The file of the state dict.
        state_dict: Tensors by name, without prefixes.

    Raises:
        CheckpointError: If the network is one of this project's that is not
            registered, or a tensor is missing, has the wrong shape or has no place in
            the network.
    """
    if "dense1.0.conv1.weight" in state_dict:
        head = _DENSENET_PARTS[HEAD]
        return _source(path, _DENSENET, state_dict, head, _densenet_layer, _DENSENET)
    found = structure(state_dict)
    if found is None or len(found.lengths) < 4 or found.stem_side not in (0, 3):
        return None
    network = known_lengths(found, _LENGTHS)
    found = found._replace(shortcut=found.shortcut or "shortcut")
    notes = () if found.head == "linear" else (_POOLING_NOTE,)
    reference = f"cifar_{found.head}"
    return _source(
        path, network, state_dict, found.head, layer_names(found), reference, notes
    )


def _source(
    path: Path,
    network: str,
    state_dict: StateDict,
    head: str,
    layer_name: Callable[[str], str],
    reference: str,
    notes: tuple[str, ...] = (),
) -> Source:
    owner = f"{_NAME} {_TITLES[network]}"
    data = data_of_classes(head_classes(state_dict, head, owner))
    settings = {**_SETTINGS, "model": network, "dataset": data.dataset}
    config = ExperimentConfig.from_flat(settings, "akamaster", data.info)
    tensors = without_counters(state_dict)
    error = _ERRORS.get(network) if data.dataset == "cifar10" and not notes else None
    where = f"10,000 test images of cifar10, README of {_URL}"
    return Source(
        files=(path,),
        family=owner,
        url=_URL,
        config=config,
        assign=checked_assign(config.model, tensors, layer_name, owner),
        pytorch=functools.partial(pytorch_logits, network=reference, tensors=tensors),
        published=None if error is None else Published(error, where),
        notes=(*data.notes, *notes),
    )


def _densenet_layer(name: str) -> str:
    if place := re.fullmatch(r"stage(\d)_layer(\d+)/(.*)", name):
        return f"dense{place[1]}.{int(place[2]) - 1}.{place[3]}"
    if place := re.fullmatch(r"transition(\d)/(.*)", name):
        return f"trans{place[1]}.{place[2]}"
    return _DENSENET_PARTS[name]
