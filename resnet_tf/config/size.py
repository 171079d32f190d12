"""How many numbers a network has, by arithmetic from its settings.

Asked before anything is built, so that a config cannot have memory allocated for a
network that nobody means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_tf.config.networks import DENSENET, RESNET
from resnet_tf.errors import SettingError

if TYPE_CHECKING:
    from resnet_tf.config.model import ModelConfig

MAX_PARAMETERS = 500_000_000


@dataclass(frozen=True)
class NetworkSize:
    """The numbers of a network.

    Attributes:
        parameters: Those that are trained.
        statistics: Moving averages of batch norm: as many as its gammas and betas.
    """

    parameters: int
    statistics: int

    @property
    def numbers(self) -> int:
        """All of them, as a file of weights holds them."""
        return self.parameters + self.statistics

    def __add__(self, other: NetworkSize) -> NetworkSize:
        return NetworkSize(
            self.parameters + other.parameters, self.statistics + other.statistics
        )

    def __mul__(self, times: int) -> NetworkSize:
        return NetworkSize(self.parameters * times, self.statistics * times)


# Networks that have no settings of size: without the head, and its inputs.
_FIXED = {
    "uva_googlenet": (NetworkSize(259_360, 2_624), 128),
    "uva_resnet": (NetworkSize(271_728, 1_376), 64),
    "uva_preact": (NetworkSize(271_600, 1_344), 64),
    "uva_densenet": (NetworkSize(237_296, 7_920), 184),
    "resnet18_cifar": (NetworkSize(11_168_832, 9_600), 512),
    "resnet34_cifar": (NetworkSize(21_276_992, 17_024), 512),
    "densenet121_cifar": (NetworkSize(6_946_048, 83_520), 1024),
    "resnet18": (NetworkSize(11_176_512, 9_600), 512),
    "densenet121": (NetworkSize(6_953_856, 83_648), 1024),
}


def network_size(config: ModelConfig) -> NetworkSize:
    """Returns the numbers of a network, exactly.

    Raises:
        SettingError: If a transition of a densely connected one keeps no channel.
    """
    if config.model == RESNET:
        body, channels = _bottlenecks(config) if config.bottleneck else _resnet(config)
    elif config.model == DENSENET:
        body, channels = _densenet(config)
    else:
        body, channels = _FIXED[config.model]
    return body + NetworkSize((channels + 1) * config.num_classes, 0)


def require_possible(config: ModelConfig) -> None:
    """Raises unless the network is no larger than anybody trains on small images.

    Raises:
        SettingError: If it has over `MAX_PARAMETERS`.
    """
    parameters = network_size(config).parameters
    if parameters > MAX_PARAMETERS:
        raise SettingError(
            f"the network must have at most {MAX_PARAMETERS:,} parameters, received "
            f"{parameters:,}"
        )


def _conv(side: int, channels: int, filters: int) -> NetworkSize:
    return NetworkSize(side * side * channels * filters, 0)


def _norm(channels: int) -> NetworkSize:
    return NetworkSize(2 * channels, 2 * channels)


def _resnet(config: ModelConfig) -> tuple[NetworkSize, int]:
    """Returns the size without the head, and the channels that the head sees.

    Batch norm before or after the convolutions: it is as many.
    """
    size, channels = _conv(3, 3, 16) + _norm(16), 16
    for filters in (16, 32, 64):
        if config.shortcut == "B" and filters > channels:
            size += _conv(1, channels, filters) + _norm(filters)
        size += _conv(3, channels, filters) + _norm(filters)
        same = _conv(3, filters, filters) + _norm(filters)
        size += same * (2 * config.num_residual_blocks - 1)
        channels = filters
    return size, channels


def _bottlenecks(config: ModelConfig) -> tuple[NetworkSize, int]:
    size, channels = _conv(3, 3, 16), 16
    for filters in (16, 32, 64):
        wide = 4 * filters
        size += _bottleneck(channels, filters) + _conv(1, channels, wide)
        size += _bottleneck(wide, filters) * (config.num_residual_blocks - 1)
        channels = wide
    return size + _norm(channels), channels


def _bottleneck(channels: int, filters: int) -> NetworkSize:
    size = _norm(channels) + _conv(1, channels, filters)
    size += _norm(filters) + _conv(3, filters, filters)
    return size + _norm(filters) + _conv(1, filters, 4 * filters)


def _densenet(config: ModelConfig) -> tuple[NetworkSize, int]:
    growth = config.growth_rate
    layers = (config.depth - 4) // (6 if config.bottleneck else 3)
    channels = config.stem_filters or (2 * growth if config.bottleneck else 16)
    size = _conv(3, 3, channels)
    for stage in range(3):
        if stage:
            # As `compressed` in `layers.dense`.
            kept = int(config.compression * channels + 1e-6)
            if kept < 1:
                raise SettingError(
                    f"compression must keep one of {channels} channels, received "
                    f"{config.compression}"
                )
            size += _norm(channels) + _conv(1, channels, kept)
            channels = kept
        for _ in range(layers):
            size += _norm(channels)
            if config.bottleneck:
                wide = 4 * growth
                size += _conv(1, channels, wide) + _norm(wide) + _conv(3, wide, growth)
            else:
                size += _conv(3, channels, growth)
            channels += growth
    return size + _norm(channels), channels
