"""CIFAR DenseNets of three PyTorch projects, plain and with bottlenecks.

All three put the new channels last, as we do. They differ in the names of the layers.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torch_layout import head_classes
from resnet_tf.checkpoints.torchvision import current_names
from resnet_tf.config import HEAD, ExperimentConfig
from resnet_tf.config.layers import STAGES
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.classes import data_of_classes
from resnet_tf.interop.pytorch import pytorch_logits
from resnet_tf.interop.shapes import checked_assign
from resnet_tf.interop.source import Published, Source
from resnet_tf.layers import compressed

# Channels of a bottleneck's 1x1 convolution, as a multiple of the growth rate.
_WIDE = 4


class _Project(NamedTuple):
    """A project: the names of its layers, its data and its published errors.

    The tensor `sign` and the first dense layer together identify the project. `layer`
    and `transition` have placeholders for the stage and the layer. `errors` are in
    percent, by data set and the network's title.
    """

    name: str
    sign: str
    stem: str
    layer: str
    first: int
    norm: str
    transition: str
    transition_bn: str
    transition_conv: str
    final: str
    head: str
    data: Mapping[str, Any]
    errors: Mapping[tuple[str, str], float]

    @property
    def url(self) -> str:
        return f"https://github.com/{self.name}"

    def layer_name(self, name: str) -> str:
        """Returns the project's name of one of our layers."""
        if place := re.fullmatch(r"stage(\d)_layer(\d+)/(.*)", name):
            layer = self.layer.format(place[1], int(place[2]) - 1 + self.first)
            return f"{layer}.{place[3].replace('bn', self.norm)}"
        if place := re.fullmatch(r"transition(\d)/(bn|conv)", name):
            is_norm = place[2] == "bn"
            part = self.transition_bn if is_norm else self.transition_conv
            return f"{self.transition.format(place[1])}.{part}"
        return {"stem_conv": self.stem, "final_bn": self.final, HEAD: self.head}[name]


_PROJECTS = (
    _Project(
        name="gpleiss/efficient_densenet_pytorch",
        sign="features.norm_final.weight",
        stem="features.conv0",
        layer="features.denseblock{}.denselayer{}",
        first=1,
        norm="norm",
        transition="features.transition{}",
        transition_bn="norm",
        transition_conv="conv",
        final="features.norm_final",
        head="classifier",
        data={
            "channel_mean": (0.49139968, 0.48215841, 0.44653091),
            "channel_std": (0.24703223, 0.24348513, 0.26158784),
        },
        errors={},
    ),
    _Project(
        name="bearpaw/pytorch-classification",
        sign="trans1.conv1.weight",
        stem="conv1",
        layer="dense{}.{}",
        first=0,
        norm="bn",
        transition="trans{}",
        transition_bn="bn1",
        transition_conv="conv1",
        final="bn",
        head="fc",
        data={
            "channel_mean": (0.4914, 0.4822, 0.4465),
            "channel_std": (0.2023, 0.1994, 0.2010),
        },
        errors={
            ("cifar10", "DenseNet-BC-100 (k = 12)"): 4.54,
            ("cifar10", "DenseNet-BC-190 (k = 40)"): 3.32,
            ("cifar100", "DenseNet-BC-100 (k = 12)"): 22.88,
            ("cifar100", "DenseNet-BC-190 (k = 40)"): 17.17,
        },
    ),
    _Project(
        name="andreasveit/densenet-pytorch",
        sign="trans1.conv1.weight",
        stem="conv1",
        layer="block{}.layer.{}",
        first=0,
        norm="bn",
        transition="trans{}",
        transition_bn="bn1",
        transition_conv="conv1",
        final="bn1",
        head="fc",
        data={
            "channel_mean": (125.3 / 255, 123.0 / 255, 113.9 / 255),
            "channel_std": (63.0 / 255, 62.1 / 255, 66.7 / 255),
        },
        errors={},
    ),
)
# The same networks with the same names, for larger images; `imagenet` imports them.
_LARGE_STEM = "features.norm0.weight"


def recognise(path: Path, state_dict: StateDict) -> Source | None:
    """Returns the network in a state dict, or None if it is of none of the projects.

    Args:
        path: The file of the state dict.
        state_dict: Tensors by name, without prefixes.

    Raises:
        CheckpointError: If the network's form differs from ours, or a tensor is
            missing, has the wrong shape or has no place in the network.
    """
    tensors = current_names(state_dict)
    project = next((x for x in _PROJECTS if _is_of(x, tensors)), None)
    if project is None or _LARGE_STEM in tensors:
        return None
    classes = head_classes(tensors, project.head, project.name)
    data = data_of_classes(classes)
    config = ExperimentConfig.from_flat(
        {
            **_size(project, tensors),
            **project.data,
            "model": "densenet",
            "dataset": data.dataset,
            "bn_epsilon": 1e-5,
            # The project trained on the validation images too.
            "validation_size": 0,
        },
        "densenet2017",
        data.info,
    )
    owner = f"{project.name} {config.model.title}"
    error = project.errors.get((data.dataset, config.model.title))
    where = f"10,000 test images of {data.dataset}, README of {project.url}"
    return Source(
        files=(path,),
        family=owner,
        url=project.url,
        config=config,
        assign=checked_assign(config.model, tensors, project.layer_name, owner),
        pytorch=functools.partial(
            pytorch_logits, network=project.name, tensors=tensors
        ),
        published=None if error is None else Published(error, where),
        notes=data.notes,
    )


def _is_of(project: _Project, tensors: StateDict) -> bool:
    first = project.layer_name("stage1_layer1/conv1")
    return project.sign in tensors and f"{first}.weight" in tensors


def _size(project: _Project, tensors: StateDict) -> dict[str, Any]:
    """Returns the settings that describe the network's size.

    Raises:
        CheckpointError: If the dense blocks differ in length, the widths of the
            bottlenecks or the transitions differ from ours, or a kernel is missing.
    """
    length = _length(project, tensors)
    last = f"{project.layer_name('stage1_layer1/conv2')}.weight"
    bottleneck = last in tensors
    stem = _outputs(project, tensors, "stem_conv")
    growth = _outputs(project, tensors, f"stage1_layer1/conv{1 + bottleneck}")
    if bottleneck:
        wide = _outputs(project, tensors, "stage1_layer1/conv1")
        if wide != _WIDE * growth:
            raise CheckpointError(
                f"{project.name} DenseNet must have 1x1 convolutions to {_WIDE} times "
                f"its growth rate, {_WIDE * growth}, received {wide} channels"
            )
    return {
        "depth": (6 if bottleneck else 3) * length + 4,
        "growth_rate": growth,
        "bottleneck": bottleneck,
        "compression": _compression(project, tensors, stem, growth * length),
        "stem_filters": None if stem == (2 * growth if bottleneck else 16) else stem,
    }


def _length(project: _Project, tensors: StateDict) -> int:
    """Returns the number of layers in each dense block.

    Raises:
        CheckpointError: If there are not three blocks of equal length.
    """
    pattern = re.compile(re.escape(project.layer).replace(r"\{\}", r"(\d+)") + r"\.")
    layers: dict[int, set[int]] = {}
    for name in tensors:
        if place := pattern.match(name):
            layers.setdefault(int(place[1]), set()).add(int(place[2]))
    lengths = [len(layers[stage]) for stage in sorted(layers)]
    if len(lengths) != STAGES or len(set(lengths)) != 1:
        raise CheckpointError(
            f"{project.name} DenseNet must have {STAGES} dense blocks of one length, "
            f"received {', '.join(map(str, lengths))}"
        )
    return lengths[0]


def _outputs(project: _Project, tensors: StateDict, layer: str) -> int:
    """Returns the number of output channels of a convolution.

    Raises:
        CheckpointError: If its kernel is missing or does not have 4 axes.
    """
    name = f"{project.layer_name(layer)}.weight"
    kernel: np.ndarray | None = tensors.get(name)
    if kernel is None:
        raise CheckpointError(f"{project.name} DenseNet must have the tensor {name}")
    if kernel.ndim != 4 or not kernel.size:
        raise CheckpointError(
            f"the tensor {name} must be a kernel of 4 axes, received the shape "
            f"{kernel.shape}"
        )
    return kernel.shape[0]


def _compression(
    project: _Project, tensors: StateDict, channels: int, added: int
) -> float:
    """Returns the share of the channels that both transitions keep.

    Args:
        project: The project of the network.
        tensors: Tensors of the network by name.
        channels: Number of channels that enter the first dense block.
        added: Number of channels that a block adds.

    Raises:
        CheckpointError: If no multiple of 0.01 gives the widths in the file.
    """
    kept = [_outputs(project, tensors, f"transition{i}/conv") for i in (1, 2)]
    entering = (channels + added, kept[0] + added)
    for share in (1.0, 0.5, *(n / 100 for n in range(1, 100))):
        if [compressed(n, share) for n in entering] == kept:
            return share
    raise CheckpointError(
        f"{project.name} DenseNet must keep the same share of the channels in both "
        f"transitions, received {kept[0]} of {entering[0]} and {kept[1]} of "
        f"{entering[1]}"
    )
