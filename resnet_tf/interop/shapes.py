"""Computes the shapes of every network's tensors without building the network.

An importer compares a file with these shapes before it builds a network. So a small
file cannot make it build a large network for nothing.
"""

import functools
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from resnet_tf.checkpoints.torch_layout import assign_tensors, require_tensors
from resnet_tf.config import HEAD, ModelConfig
from resnet_tf.config.layers import (
    Layer,
    Part,
    blocks,
    conv,
    dense,
    norm,
)
from resnet_tf.config.model import shaped_layers
from resnet_tf.models.imagenet import (
    DENSENET_LENGTHS,
    RESNET_FILTERS,
    RESNET_LENGTHS,
)
from resnet_tf.models.uva import INCEPTION_STAGES


def checked_assign(
    config: ModelConfig,
    tensors: Mapping[str, np.ndarray],
    layer_name: Callable[[str], str],
    owner: str,
) -> Callable[[keras.Model], int]:
    """Checks the tensors and returns the function that assigns them to a model.

    Args:
        config: Config of the network.
        tensors: Tensors by PyTorch's names, without counters.
        layer_name: Function from our name of a layer, e.g. "stage1_block1/conv1",
            to PyTorch's.
        owner: Project and network, for messages.

    Raises:
        CheckpointError: If a tensor is missing, has the wrong shape or has no place in
            the network, or if tensors share memory. The check builds no network.
    """
    shapes = {
        f"{layer_name(layer)}.{kind}": shape
        for layer, kinds in network_layers(config)
        for kind, shape in kinds.items()
    }
    require_tensors(tensors, shapes, owner)
    return functools.partial(
        assign_tensors, tensors=tensors, layer_name=layer_name, owner=owner
    )


def network_layers(config: ModelConfig) -> Iterator[Layer]:
    """Yields each layer of a network that has weights.

    Args:
        config: Config of the network.

    Yields:
        Name of the layer, e.g. "stage1_block1/conv1", and the shapes of its tensors
        in PyTorch's layout by kind: "weight", "bias", "running_mean", "running_var".
    """
    layers = shaped_layers(config) or _BODIES[config.model](config)
    channels = yield from layers
    classes = config.num_classes
    yield HEAD, {"weight": (classes, channels), "bias": (classes,)}


def _imagenet_resnet(config: ModelConfig) -> Part:
    yield conv("stem_conv", 64, 3, 7 if config.model == "resnet18" else 3)
    yield norm("stem_bn", 64)
    return (yield from blocks(RESNET_LENGTHS[config.model], RESNET_FILTERS, "B"))


def _uva_resnet(config: ModelConfig) -> Part:
    post = config.model == "uva_resnet"
    yield conv("stem_conv", 16, 3, 3)
    if post:
        yield norm("stem_bn", 16)
    kind = "B-bias" if post else "B-pre"
    return (yield from blocks((3, 3, 3), (16, 32, 64), kind, post=post))


def _imagenet_densenet(config: ModelConfig) -> Part:
    small = config.model == "densenet121_cifar"
    yield conv("stem_conv", 64, 3, 3 if small else 7)
    if not small:
        yield norm("stem_bn", 64)
    return (yield from dense(DENSENET_LENGTHS, 64, 32, 4, 0.5))


def _uva_densenet(config: ModelConfig) -> Part:
    yield conv("stem_conv", 32, 3, 3, bias=True)
    return (yield from dense((6, 6, 6, 6), 32, 16, 2, 0.5))


def _uva_googlenet(config: ModelConfig) -> Part:
    def unit(name: str, outputs: int, inputs: int, side: int) -> Iterator[Layer]:
        yield conv(f"{name}/conv", outputs, inputs, side, bias=True)
        yield norm(f"{name}/bn", outputs)

    yield from unit("stem", 64, 3, 3)
    channels = 64
    for stage, stage_blocks in enumerate(INCEPTION_STAGES, 1):
        for block, ((one, three, five, pool), reduced) in enumerate(
            stage_blocks, start=1
        ):
            name = f"stage{stage}_block{block}"
            yield from unit(f"{name}/conv_1x1", one, channels, 1)
            yield from unit(f"{name}/reduce_3x3", reduced[0], channels, 1)
            yield from unit(f"{name}/conv_3x3", three, reduced[0], 3)
            yield from unit(f"{name}/reduce_5x5", reduced[1], channels, 1)
            yield from unit(f"{name}/conv_5x5", five, reduced[1], 5)
            yield from unit(f"{name}/conv_pool", pool, channels, 1)
            channels = one + three + five + pool
    return channels


_BODIES: dict[str, Callable[[ModelConfig], Part]] = {
    "uva_googlenet": _uva_googlenet,
    "uva_resnet": _uva_resnet,
    "uva_preact": _uva_resnet,
    "uva_densenet": _uva_densenet,
    "resnet18_cifar": _imagenet_resnet,
    "resnet34_cifar": _imagenet_resnet,
    "densenet121_cifar": _imagenet_densenet,
    "resnet18": _imagenet_resnet,
    "densenet121": _imagenet_densenet,
}
