"""The size of a network, computed by arithmetic.

A config is checked before anything is built, so that no memory is allocated for a
network that is far too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from resnet_tf.config.layers import Part


@dataclass(frozen=True)
class NetworkSize:
    """The number of values in a network.

    Attributes:
        parameters: Number of trained parameters.
        statistics: Number of moving averages of batch norm; it equals the number of
            gammas and betas.
        fixed: Number of values that are neither trained nor averaged.
    """

    parameters: int
    statistics: int
    fixed: int = 0

    @property
    def numbers(self) -> int:
        """Number of all values, as a weight file holds them."""
        return self.parameters + self.statistics + self.fixed


def sized(layers: Part) -> tuple[NetworkSize, int]:
    """Returns the size of layers, and their number of output channels."""
    parameters = statistics = fixed = 0
    while True:
        try:
            _, shapes = next(layers)
        except StopIteration as end:
            return NetworkSize(parameters, statistics, fixed), end.value
        for kind, shape in shapes.items():
            if kind.startswith("running_"):
                statistics += math.prod(shape)
            elif kind == "fixed":
                fixed += math.prod(shape)
            else:
                parameters += math.prod(shape)
