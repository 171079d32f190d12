"""The networks of `resnet_tf` in torch.nn: pre-activation ResNet and DenseNet."""

import torch
from peers.networks import DENSENETS, EPSILON, RESNETS, STAGE_FILTERS
from torch import Tensor, nn
from torch.nn import functional


def build(model: str) -> nn.Module:
    """Returns a network from images (N, 3, 32, 32) to logits (N, 10)."""
    return ResNet(RESNETS[model]) if model in RESNETS else DenseNet(*DENSENETS[model])


class BnReLU(nn.BatchNorm2d):
    """Batch norm and ReLU."""

    def __init__(self, channels: int):
        super().__init__(channels, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x), inplace=True)


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


class ResidualBlock(nn.Module):
    """BN-ReLU-conv-BN-ReLU-conv plus the raw input, pooled and zero-padded.

    Args:
        inputs: Input channels.
        filters: Output channels; the stride is 2 where they differ.
        preactivate: Whether the first BN-ReLU is there.
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
    """BN-ReLU-conv to k channels, behind the input; with `bottleneck` two of them."""

    def __init__(self, inputs: int, growth_rate: int, bottleneck: bool):
        super().__init__()
        parts = []
        if bottleneck:
            wide = 4 * growth_rate
            parts = [BnReLU(inputs), _conv(inputs, wide, 1)]
            inputs = wide
        self.new = nn.Sequential(*parts, BnReLU(inputs), _conv(inputs, growth_rate))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.new(x)), 1)


class Classifier(nn.Sequential):
    """BN-ReLU, global average pooling and a dense head."""

    def __init__(self, channels: int):
        pool = nn.AdaptiveAvgPool2d(1)
        super().__init__(BnReLU(channels), pool, nn.Flatten(), nn.Linear(channels, 10))


class ResNet(nn.Sequential):
    """Pre-activation ResNet-(6n+2); n is `blocks`."""

    def __init__(self, blocks: int):
        inputs = STAGE_FILTERS[0]
        parts = [_conv(3, inputs), BnReLU(inputs)]
        for stage, filters in enumerate(STAGE_FILTERS):
            for block in range(blocks):
                parts.append(ResidualBlock(inputs, filters, stage + block > 0))
                inputs = filters
        super().__init__(*parts, Classifier(inputs))


class DenseNet(nn.Sequential):
    """DenseNet, or DenseNet-BC with `compressed`.

    Args:
        length: Layers in each of the three dense blocks.
        growth_rate: Channels that a layer adds.
        compressed: With bottlenecks, and transitions that halve the channels.
    """

    def __init__(self, length: int, growth_rate: int, compressed: bool):
        channels = 2 * growth_rate if compressed else 16
        parts = [_conv(3, channels)]
        for stage in range(3):
            if stage:
                kept = channels // 2 if compressed else channels
                parts += [BnReLU(channels), _conv(channels, kept, 1), nn.AvgPool2d(2)]
                channels = kept
            for _ in range(length):
                parts.append(DenseLayer(channels, growth_rate, compressed))
                channels += growth_rate
        super().__init__(*parts, Classifier(channels))
