"""Builds the networks of `resnet_tf` with torch.nn."""

import torch
from peers.networks import (
    DENSENETS,
    EPSILON,
    GOOGLENETS,
    RESNETS,
    STAGE_FILTERS,
)
from peers.networks import DenseNet as Numbers
from torch import Tensor, nn
from torch.nn import functional


def build(model: str) -> nn.Module:
    """Returns a network from images (N, 3, 32, 32) to logits (N, 10)."""
    if model in RESNETS:
        return ResNet(RESNETS[model])
    if model in DENSENETS:
        return DenseNet(DENSENETS[model])
    return GoogLeNet(*GOOGLENETS[model])


class BnReLU(nn.BatchNorm2d):
    """Batch norm and ReLU."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x), inplace=True)


def _conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=bias)


def _unit(inputs: int, outputs: int, size: int) -> nn.Sequential:
    """Returns a convolution with bias, BN and ReLU."""
    return nn.Sequential(_conv(inputs, outputs, size, bias=True), BnReLU(outputs))


class ResidualBlock(nn.Module):
    """BN-ReLU-conv-BN-ReLU-conv plus the raw input, pooled and zero-padded.

    Args:
        inputs: Input channels.
        filters: Output channels; the stride is 2 if they differ from `inputs`.
        preactivate: Whether the block starts with BN-ReLU.
    """

    def __init__(self, inputs: int, filters: int, preactivate: bool):
        super().__init__()
        self.new = filters - inputs
        self.bn1 = BnReLU(inputs) if preactivate else nn.Identity()
        self.conv1 = _conv(inputs, filters, stride=2 if self.new else 1)
        self.bn2 = BnReLU(filters)
        self.conv2 = _conv(filters, filters)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.bn2(self.conv1(self.bn1(x))))
        if self.new:
            half = self.new // 2
            x = functional.pad(functional.avg_pool2d(x, 2), (0, 0, 0, 0, half, half))
        return y + x


class DenseLayer(nn.Module):
    """Concatenates the input with new channels from BN-ReLU-conv.

    With a bottleneck, the new channels come from two BN-ReLU-convs.
    """

    def __init__(self, inputs: int, net: Numbers):
        super().__init__()
        parts = []
        if net.bottleneck:
            wide = net.bottleneck * net.growth_rate
            parts = [BnReLU(inputs), _conv(inputs, wide, 1)]
            inputs = wide
        parts += [BnReLU(inputs), _conv(inputs, net.growth_rate)]
        self.new = nn.Sequential(*parts)
        self.new_first = net.new_first

    def forward(self, x: Tensor) -> Tensor:
        y = self.new(x)
        return torch.cat((y, x) if self.new_first else (x, y), 1)


class Inception(nn.Module):
    """Four branches side by side: 1x1, 3x3, 5x5, and 3x3 max pooling.

    Args:
        inputs: Input channels.
        filters: Output channels of the branches.
        reduced: Output channels of the 1x1 convolutions before the 3x3 and the 5x5
            convolution.
    """

    def __init__(self, inputs: int, filters: tuple, reduced: tuple):
        super().__init__()
        one, three, five, pooled = filters
        self.branches = nn.ModuleList(
            [
                _unit(inputs, one, 1),
                nn.Sequential(
                    _unit(inputs, reduced[0], 1), _unit(reduced[0], three, 3)
                ),
                nn.Sequential(_unit(inputs, reduced[1], 1), _unit(reduced[1], five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), _unit(inputs, pooled, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Classifier(nn.Sequential):
    """Global average pooling and a dense head."""

    def __init__(self, channels: int):
        pool = nn.AdaptiveAvgPool2d(1)
        super().__init__(pool, nn.Flatten(), nn.Linear(channels, 10))


class ResNet(nn.Sequential):
    """Pre-activation ResNet-(6n+2); n is `blocks`."""

    def __init__(self, blocks: int):
        inputs = STAGE_FILTERS[0]
        parts = [_conv(3, inputs), BnReLU(inputs)]
        for stage, filters in enumerate(STAGE_FILTERS):
            for block in range(blocks):
                parts.append(ResidualBlock(inputs, filters, stage + block > 0))
                inputs = filters
        super().__init__(*parts, BnReLU(inputs), Classifier(inputs))


class DenseNet(nn.Sequential):
    """DenseNet, with or without bottlenecks and compression."""

    def __init__(self, net: Numbers):
        channels = net.stem
        parts = [_conv(3, channels, bias=net.stem_bias)]
        for stage, length in enumerate(net.lengths):
            if stage:
                kept = channels // (2 if net.halved else 1)
                parts += [BnReLU(channels), _conv(channels, kept, 1), nn.AvgPool2d(2)]
                channels = kept
            for _ in range(length):
                parts.append(DenseLayer(channels, net))
                channels += net.growth_rate
        super().__init__(*parts, BnReLU(channels), Classifier(channels))


class GoogLeNet(nn.Sequential):
    """The small GoogLeNet.

    Args:
        stem: Output channels of the first convolution.
        stages: The blocks of each stage, see `GOOGLENETS`.
    """

    def __init__(self, stem: int, stages: tuple):
        channels, parts = stem, [_unit(3, stem, 3)]
        for stage, blocks in enumerate(stages):
            if stage:
                parts.append(nn.MaxPool2d(3, 2, 1))
            for filters, reduced in blocks:
                parts.append(Inception(channels, filters, reduced))
                channels = sum(filters)
        super().__init__(*parts, Classifier(channels))
