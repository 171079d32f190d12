"""The size of a network, computed by arithmetic.

A config is checked before anything is built, so that no memory is allocated for a
network that is far too large.
"""

from __future__ import annotations

from dataclasses import dataclass

from resnet_tf.errors import SettingError


@dataclass(frozen=True)
class NetworkSize:
    """The number of values in a network.

    Attributes:
        parameters: Number of trained parameters.
        statistics: Number of moving averages of batch norm; it equals the number of
            gammas and betas.
    """

    parameters: int
    statistics: int

    @property
    def numbers(self) -> int:
        """Number of all values, as a weight file holds them."""
        return self.parameters + self.statistics

    def __add__(self, other: NetworkSize) -> NetworkSize:
        return NetworkSize(
            self.parameters + other.parameters, self.statistics + other.statistics
        )

    def __mul__(self, times: int) -> NetworkSize:
        return NetworkSize(self.parameters * times, self.statistics * times)


def _conv(side: int, channels: int, filters: int) -> NetworkSize:
    return NetworkSize(side * side * channels * filters, 0)


def _norm(channels: int) -> NetworkSize:
    return NetworkSize(2 * channels, 2 * channels)


def residual_size(blocks: int, projects: bool) -> tuple[NetworkSize, int]:
    """Returns the size of a residual network without its head.

    The size is the same with batch norm before and after the convolutions.

    Args:
        blocks: Number of blocks in each of the three stages.
        projects: Whether the shortcut is a 1x1 convolution where the size changes.

    Returns:
        The size, and the number of input channels of the head.
    """
    size, channels = _conv(3, 3, 16) + _norm(16), 16
    for filters in (16, 32, 64):
        if projects and filters > channels:
            size += _conv(1, channels, filters) + _norm(filters)
        size += _conv(3, channels, filters) + _norm(filters)
        same = _conv(3, filters, filters) + _norm(filters)
        size += same * (2 * blocks - 1)
        channels = filters
    return size, channels


def bottleneck_size(blocks: int) -> tuple[NetworkSize, int]:
    """Returns the size for blocks of three convolutions; see `residual_size`."""
    size, channels = _conv(3, 3, 16), 16
    for filters in (16, 32, 64):
        wide = 4 * filters
        size += _bottleneck(channels, filters) + _conv(1, channels, wide)
        size += _bottleneck(wide, filters) * (blocks - 1)
        channels = wide
    return size + _norm(channels), channels


def _bottleneck(channels: int, filters: int) -> NetworkSize:
    size = _norm(channels) + _conv(1, channels, filters)
    size += _norm(filters) + _conv(3, filters, filters)
    return size + _norm(filters) + _conv(1, filters, 4 * filters)


def dense_size(
    layers: int, growth: int, stem: int, bottleneck: bool, compression: float
) -> tuple[NetworkSize, int]:
    """Returns the size of a densely connected network without its head.

    Args:
        layers: Number of dense layers in each of the three blocks.
        growth: Number of channels that a layer adds.
        stem: Number of channels of the first convolution.
        bottleneck: Whether a 1x1 convolution precedes each 3x3 convolution.
        compression: Share of the channels that a transition keeps, in (0, 1].

    Returns:
        The size, and the number of input channels of the head.

    Raises:
        SettingError: If a transition keeps no channel.
    """
    size, channels = _conv(3, 3, stem), stem
    for stage in range(3):
        if stage:
            # The same rounding as `compressed` in `layers.dense`.
            kept = int(compression * channels + 1e-6)
            if kept < 1:
                raise SettingError(
                    f"compression must keep one of {channels} channels, received "
                    f"{compression}"
                )
            size += _norm(channels) + _conv(1, channels, kept)
            channels = kept
        for _ in range(layers):
            size += _norm(channels)
            if bottleneck:
                wide = 4 * growth
                size += _conv(1, channels, wide) + _norm(wide) + _conv(3, wide, growth)
            else:
                size += _conv(3, channels, growth)
            channels += growth
    return size + _norm(channels), channels
