"""Computes the shapes of the tensors of the families `resnet` and `densenet`.

The size of a network is the sum of its shapes, and an importer compares a file with
them. Neither builds the network.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from resnet_tf.errors import SettingError

Shape = tuple[int, ...]
# Our name of a layer, and the shapes of its tensors by PyTorch's kinds.
Layer = tuple[str, dict[str, Shape]]
# Yields the layers of a part of a network; returns its number of output channels.
Part = Generator[Layer, None, int]

# Channels of the stages of a residual network, and blocks of a dense one.
STAGE_FILTERS = (16, 32, 64)
STAGES = 3
# The fixed layer of a whitened stem. It has two filters for each value of a 3x3 patch.
WHITENING = "stem_whitening"
WHITENING_FILTERS = 2 * 3 * 3 * 3


def conv(name: str, outputs: int, inputs: int, side: int, bias: bool = False) -> Layer:
    """Returns a convolution, with or without a bias."""
    shapes: dict[str, Shape] = {"weight": (outputs, inputs, side, side)}
    return name, shapes | ({"bias": (outputs,)} if bias else {})


def norm(name: str, channels: int) -> Layer:
    """Returns a batch norm."""
    kinds = ("weight", "bias", "running_mean", "running_var")
    return name, dict.fromkeys(kinds, (channels,))


def resnet_layers(
    n: int, bottleneck: bool, order: str, shortcut: str, stem: str
) -> Part:
    """Yields the layers of the family `resnet`, without the head.

    Args:
        n: Number of blocks in each stage.
        bottleneck: See `ModelConfig`.
        order: See `ModelConfig`.
        shortcut: See `ModelConfig`.
        stem: See `ModelConfig`.
    """
    if stem == "whitened":
        yield WHITENING, {"fixed": (WHITENING_FILTERS, 3, 3, 3)}
        yield conv("stem_conv", STAGE_FILTERS[0], WHITENING_FILTERS, 1)
    else:
        yield conv("stem_conv", STAGE_FILTERS[0], 3, 3)
    lengths = [n] * len(STAGE_FILTERS)
    if bottleneck:
        channels = yield from bottlenecks(lengths, STAGE_FILTERS)
    else:
        yield norm("stem_bn", STAGE_FILTERS[0])
        post = order == "post"
        channels = yield from blocks(
            lengths, STAGE_FILTERS, shortcut, post=post, after_norm=True
        )
    if order == "pre":
        yield norm("final_bn", channels)
    return channels


def blocks(
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
            yield conv(f"{name}/conv1", width, channels, 3)
            yield conv(f"{name}/conv2", width, width, 3)
            if post or not (after_norm and stage == block == 1):
                yield norm(f"{name}/bn1", width if post else channels)
            yield norm(f"{name}/bn2", width)
            if channels != width and shortcut.startswith("B"):
                bias = shortcut == "B-bias"
                yield conv(f"{name}/shortcut/conv", width, channels, 1, bias)
                if not bias:
                    normed = channels if shortcut == "B-pre" else width
                    yield norm(f"{name}/shortcut/bn", normed)
            channels = width
    return channels


def bottlenecks(lengths: Sequence[int], widths: Sequence[int]) -> Part:
    """Yields pre-activation blocks of three convolutions; see `blocks`."""
    channels = widths[0]
    for stage, (length, width) in enumerate(zip(lengths, widths, strict=True), 1):
        for block in range(1, length + 1):
            name = f"stage{stage}_block{block}"
            yield norm(f"{name}/bn1", channels)
            yield conv(f"{name}/conv1", width, channels, 1)
            yield norm(f"{name}/bn2", width)
            yield conv(f"{name}/conv2", width, width, 3)
            yield norm(f"{name}/bn3", width)
            yield conv(f"{name}/conv3", 4 * width, width, 1)
            if block == 1:
                yield conv(f"{name}/shortcut", 4 * width, channels, 1)
            channels = 4 * width
    return channels


def densenet_layers(
    depth: int, growth: int, stem: int | None, bottleneck: bool, compression: float
) -> Part:
    """Yields the layers of the family `densenet`, without the head.

    Args:
        depth: See `ModelConfig`.
        growth: See `ModelConfig`.
        stem: See `ModelConfig`.
        bottleneck: See `ModelConfig`.
        compression: See `ModelConfig`.

    Raises:
        SettingError: If a transition keeps no channel.
    """
    wide = 4 if bottleneck else 0
    channels = stem or (2 * growth if wide else 16)
    yield conv("stem_conv", channels, 3, 3)
    length = (depth - 4) // (STAGES * (2 if wide else 1))
    return (yield from dense([length] * STAGES, channels, growth, wide, compression))


def dense(
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
            if kept < 1:
                raise SettingError(
                    f"compression must keep one of {channels} channels, received "
                    f"{compression}"
                )
            yield norm(f"transition{stage - 1}/bn", channels)
            yield conv(f"transition{stage - 1}/conv", kept, channels, 1)
            channels = kept
        for layer in range(1, length + 1):
            name = f"stage{stage}_layer{layer}"
            yield norm(f"{name}/bn1", channels)
            if wide:
                yield conv(f"{name}/conv1", wide * growth, channels, 1)
                yield norm(f"{name}/bn2", wide * growth)
                yield conv(f"{name}/conv2", growth, wide * growth, 3)
            else:
                yield conv(f"{name}/conv1", growth, channels, 3)
            channels += growth
    yield norm("final_bn", channels)
    return channels


def compressed(channels: int, compression: float) -> int:
    """Returns floor(compression * channels), computed from the exact product.

    Args:
        channels: Channels before a transition.
        compression: Share of the channels to keep, theta, in (0, 1].

    Raises:
        ValueError: If `compression` is out of (0, 1].
    """
    if not 0 < compression <= 1:
        raise ValueError(f"compression must be in (0, 1], received {compression}")
    # In floating point 0.29 * 100 is just below 29; the small term corrects this.
    return int(compression * channels + 1e-6)
