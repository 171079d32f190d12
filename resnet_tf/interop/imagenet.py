"""Imports torchvision's `resnet18` and `densenet121` for 224x224 pixels."""

import functools
from pathlib import Path

from resnet_tf.checkpoints import torchvision
from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.classes import data_of_classes
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.residual import known_lengths, structure
from resnet_tf.interop.shapes import checked_assign
from resnet_tf.interop.source import Published, Source

URL = "https://pytorch.org/vision"
_IMAGENET_CLASSES, _IMAGENET_IMAGES = 1000, 1_281_167
# Published top-1 errors with a single crop, in percent.
_ERRORS = {"resnet18": 30.24, "densenet121": 25.57}
# A layer that identifies each network; the importers called before have no such layer.
_SIGNS = {
    "resnet18": "layer4.1.conv2.weight",
    "densenet121": "features.denseblock1.denselayer1.",
}


def recognise(path: Path, state_dict: StateDict) -> Source | None:
    """Returns the network in a state dict, or None if it is neither.

    If no data set of the package has this number of classes, e.g. 1,000, the config
    has dataset=folder: one folder of images per class, in the order of their names.

    Args:
        path: The file of the state dict.
        state_dict: Tensors by name, without the prefix "module.".

    Raises:
        CheckpointError: If a tensor is missing or has the wrong shape, two names or
            no place in the network, or the network is one of torchvision's that is
            not registered.
    """
    _require_known(state_dict)
    for network, sign in _SIGNS.items():
        if any(name.startswith(sign) for name in state_dict) and (
            network != "resnet18" or "fc.weight" in state_dict
        ):
            return _source(path, network, state_dict)
    return None


def _require_known(state_dict: StateDict) -> None:
    """Raises for a network of torchvision's that is not registered.

    Raises:
        CheckpointError: If the network is torchvision's and not registered.
    """
    found = structure(state_dict)
    if found is not None and found.head == "fc" and found.stem_side == 7:
        known_lengths(found, {(2, 2, 2, 2): "resnet18"})
    stem = state_dict.get("features.conv0.weight")
    if stem is not None and stem.ndim == 4 and stem.shape[-1] != 7:
        side = stem.shape[-1]
        raise CheckpointError(
            "torchvision's densenet121 must have a 7x7 stem, received one of "
            f"{side}x{side}; densenet121_cifar concatenates its channels in another "
            "order and needs kuangliu/pytorch-cifar's files"
        )


def _source(path: Path, network: str, state_dict: StateDict) -> Source:
    classes = torchvision.num_classes(network, state_dict)
    data = data_of_classes(classes, _IMAGENET_IMAGES)
    settings = {
        "model": network,
        "dataset": data.dataset,
        "resize": 256,
        "validation_size": 0,
        "bn_epsilon": torchvision.BN_EPSILON,
    }
    config = ExperimentConfig.from_flat(settings, "finetune224", data.info)
    tensors = torchvision.current_names(state_dict)
    owner = f"torchvision's {network}"
    where = f"50,000 validation images of ImageNet, top-1, {URL}"
    imagenet = classes == _IMAGENET_CLASSES
    return Source(
        files=(path,),
        family=f"torchvision {network}",
        url=URL,
        config=config,
        assign=checked_assign(
            config.model, tensors, torchvision.layer_names(network), owner
        ),
        pytorch=functools.partial(pytorch_logits, network=network, tensors=tensors),
        published=Published(_ERRORS[network], where) if imagenet else None,
        notes=data.notes,
    )
