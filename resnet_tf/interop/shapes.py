"""Computes the shapes of every network's tensors without building the network.

An importer compares a file with these shapes before it builds a network. So a small
file cannot make it build a large network for nothing.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np

from resnet_tf.checkpoints.torch_layout import assign_tensors, require_tensors
from resnet_tf.config import HEAD, ModelConfig
from resnet_tf.layers import compressed
from resnet_tf.models.densenet import STAGES
from resnet_tf.models.imagenet import (
    DENSENET_LENGTHS,
    RESNET_FILTERS,
    RESNET_LENGTHS,
)
from resnet_tf.models.resnet import STAGE_FILTERS
from resnet_tf.models.uva import INCEPTION_STAGES

Shape = tuple[int, ...]
# Our name of a layer, and the shapes of its tensors by PyTorch's kinds.
Layer = tuple[str, dict[str, Shape]]
# Yields the layers of a part of a network; returns its number of output channels.
Part = Iterator[Layer]


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
    channels = yield from _BODIES[config.model](config)
    classes = config.num_classes
    yield HEAD, {"weight": (classes, channels), "bias": (classes,)}


def _conv(name: str, outputs: int, inputs: int, side: int, bias: bool = False) -> Layer:
    shapes: dict[str, Shape] = {"weight": (outputs, inputs, side, side)}
    return name, shapes | ({"bias": (outputs,)} if bias else {})


def _norm(name: str, channels: int) -> Layer:
    kinds = ("weight", "bias", "running_mean", "running_var")
    return name, dict.fromkeys(kinds, (channels,))


def _resnet(config: ModelConfig) -> Part:
    yield _conv("stem_conv", STAGE_FILTERS[0], 3, 3)
    lengths = [config.num_residual_blocks] * len(STAGE_FILTERS)
    if config.bottleneck:
        channels = yield from _bottlenecks(lengths, STAGE_FILTERS)
    else:
        yield _norm("stem_bn", STAGE_FILTERS[0])
        channels = yield from _blocks(
            lengths,
            STAGE_FILTERS,
            config.shortcut,
            post=config.order == "post",
            after_norm=True,
        )
    if config.order == "pre":
        yield _norm("final_bn", channels)
    return channels


def _imagenet_resnet(config: ModelConfig) -> Part:
    yield _conv("stem_conv", 64, 3, 7 if config.model == "resnet18" else 3)
    yield _norm("stem_bn", 64)
    return (yield from _blocks(RESNET_LENGTHS[config.model], RESNET_FILTERS, "B"))


def _uva_resnet(config: ModelConfig) -> Part:
    post = config.model == "uva_resnet"
    yield _conv("stem_conv", 16, 3, 3)
    if post:
        yield _norm("stem_bn", 16)
    kind = "B-bias" if post else "B-pre"
    return (yield from _blocks((3, 3, 3), (16, 32, 64), kind, post=post))


def _blocks(
    lengths: Sequence[int],
    widths: Sequence[int],
    shortcut: str,
    *,
    post: bool = True,
    after_norm: bool = False,
) -> Part:
    """Yields residual blocks of two convolutions.

    Args:
        lengths: Number of blocks in each stage.
        widths: Channels of each stage; the stem has the channels of the first stage.
        shortcut: Kind of the shortcut where the channels change; see
            `make_shortcut`.
        post: Whether batch norm follows each convolution; otherwise it precedes it.
        after_norm: Whether the stem ends in batch norm. Then the first block of a
            pre-activation network has no first batch norm.
    """
    channels = widths[0]
    for stage, (length, width) in enumerate(zip(lengths, widths, strict=True), 1):
        for block in range(1, length + 1):
            name = f"stage{stage}_block{block}"
            yield _conv(f"{name}/conv1", width, channels, 3)
            yield _conv(f"{name}/conv2", width, width, 3)
            if post or not (after_norm and stage == block == 1):
                yield _norm(f"{name}/bn1", width if post else channels)
            yield _norm(f"{name}/bn2", width)
            if channels != width and shortcut.startswith("B"):
                bias = shortcut == "B-bias"
                yield _conv(f"{name}/shortcut/conv", width, channels, 1, bias)
                if not bias:
                    normed = channels if shortcut == "B-pre" else width
                    yield _norm(f"{name}/shortcut/bn", normed)
            channels = width
    return channels


def _bottlenecks(lengths: Sequence[int], widths: Sequence[int]) -> Part:
    channels = widths[0]
    for stage, (length, width) in enumerate(zip(lengths, widths, strict=True), 1):
        for block in range(1, length + 1):
            name = f"stage{stage}_block{block}"
            yield _norm(f"{name}/bn1", channels)
            yield _conv(f"{name}/conv1", width, channels, 1)
            yield _norm(f"{name}/bn2", width)
            yield _conv(f"{name}/conv2", width, width, 3)
            yield _norm(f"{name}/bn3", width)
            yield _conv(f"{name}/conv3", 4 * width, width, 1)
            if block == 1:
                yield _conv(f"{name}/shortcut", 4 * width, channels, 1)
            channels = 4 * width
    return channels


def _densenet(config: ModelConfig) -> Part:
    growth, wide = config.growth_rate, 4 if config.bottleneck else 0
    stem = config.stem_filters or (2 * growth if wide else 16)
    yield _conv("stem_conv", stem, 3, 3)
    length = (config.depth - 4) // (STAGES * (2 if wide else 1))
    return (
        yield from _dense([length] * STAGES, stem, growth, wide, config.compression)
    )


def _imagenet_densenet(config: ModelConfig) -> Part:
    small = config.model == "densenet121_cifar"
    yield _conv("stem_conv", 64, 3, 3 if small else 7)
    if not small:
        yield _norm("stem_bn", 64)
    return (yield from _dense(DENSENET_LENGTHS, 64, 32, 4, 0.5))


def _uva_densenet(config: ModelConfig) -> Part:
    yield _conv("stem_conv", 32, 3, 3, bias=True)
    return (yield from _dense((6, 6, 6, 6), 32, 16, 2, 0.5))


def _dense(
    lengths: Sequence[int], channels: int, growth: int, wide: int, compression: float
) -> Part:
    """Yields dense blocks, the transitions between them and the last batch norm.

    Args:
        lengths: Number of layers in each block.
        channels: Number of input channels.
        growth: Number of channels that a layer adds.
        wide: Channels of a layer's 1x1 convolution as a multiple of `growth`; 0 for
            no such convolution.
        compression: Share of the channels that a transition keeps, in (0, 1].
    """
    for stage, length in enumerate(lengths, start=1):
        if stage > 1:
            kept = compressed(channels, compression)
            yield _norm(f"transition{stage - 1}/bn", channels)
            yield _conv(f"transition{stage - 1}/conv", kept, channels, 1)
            channels = kept
        for layer in range(1, length + 1):
            name = f"stage{stage}_layer{layer}"
            yield _norm(f"{name}/bn1", channels)
            if wide:
                yield _conv(f"{name}/conv1", wide * growth, channels, 1)
                yield _norm(f"{name}/bn2", wide * growth)
                yield _conv(f"{name}/conv2", growth, wide * growth, 3)
            else:
                yield _conv(f"{name}/conv1", growth, channels, 3)
            channels += growth
    yield _norm("final_bn", channels)
    return channels


def _uva_googlenet(config: ModelConfig) -> Part:
    def unit(name: str, outputs: int, inputs: int, side: int) -> Iterator[Layer]:
        yield _conv(f"{name}/conv", outputs, inputs, side, bias=True)
        yield _norm(f"{name}/bn", outputs)

    yield from unit("stem", 64, 3, 3)
    channels = 64
    for stage, blocks in enumerate(INCEPTION_STAGES, start=1):
        for block, ((one, three, five, pool), reduced) in enumerate(blocks, start=1):
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
    "resnet": _resnet,
    "densenet": _densenet,
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
