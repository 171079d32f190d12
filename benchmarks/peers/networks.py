"""Numbers from the sources of the networks of `resnet_tf`, for the peers to build them.

Each peer imports this in its own interpreter, so it uses only the standard library.
"""

from typing import NamedTuple

STAGE_FILTERS = (16, 32, 64)
EPSILON = 1e-3  # of batch norm, as in our default recipe


class DenseNet(NamedTuple):
    """A DenseNet.

    Attributes:
        stem: Output channels of the first convolution.
        lengths: Number of layers in each dense block.
        growth_rate: Number of channels that a layer adds.
        bottleneck: Channels of a layer's 1x1 convolution as a multiple of
            `growth_rate`; 0 means no such convolution.
        halved: Whether a transition halves the channels.
        stem_bias: Whether the first convolution has a bias.
        new_first: Whether the channels of a layer come before its input.
    """

    stem: int
    lengths: tuple[int, ...]
    growth_rate: int
    bottleneck: int = 0
    halved: bool = False
    stem_bias: bool = False
    new_first: bool = False


# Residual blocks in a stage; order "pre", zero-padded shortcuts of pooled maps.
RESNETS = {"resnet20": 3, "resnet56": 9, "resnet110": 18}
DENSENETS = {
    "densenet40_k12": DenseNet(16, (12, 12, 12), 12),
    "densenet_bc100_k12": DenseNet(24, (16, 16, 16), 12, 4, True),
    # From the UvA Deep Learning tutorial 5, like `uva_googlenet`.
    "uva_densenet": DenseNet(32, (6, 6, 6, 6), 16, 2, True, True, True),
}
# Output channels of the first convolution, and the blocks of each stage. A block has
# the output channels of its branches (1x1, 3x3, 5x5 and pooling), and of the 1x1
# convolutions before the 3x3 and the 5x5 convolution.
GOOGLENETS = {
    "uva_googlenet": (
        64,
        (
            (((16, 32, 8, 8), (32, 16)), ((24, 48, 12, 12), (32, 16))),
            (
                ((24, 48, 12, 12), (32, 16)),
                ((16, 48, 16, 16), (32, 16)),
                ((16, 48, 16, 16), (32, 16)),
                ((32, 48, 24, 24), (32, 16)),
            ),
            (((32, 64, 16, 16), (48, 16)), ((32, 64, 16, 16), (48, 16))),
        ),
    )
}
MODELS = (*RESNETS, *DENSENETS, *GOOGLENETS)
