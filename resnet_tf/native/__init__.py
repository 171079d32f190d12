"""Float32 kernels for CPUs, faster than TensorFlow's; see README.md in this folder."""

from resnet_tf.native.choice import convolves, normalizes, obstacle, pools, resolved
from resnet_tf.native.library import (
    INSTRUCTIONS,
    available,
    computing,
    instructions,
    reason,
    use_instructions,
)
from resnet_tf.native.norms import Norm, batch_norm, batch_norms
from resnet_tf.native.operations import (
    Moments,
    Unit,
    convolution,
    dense_block,
)
from resnet_tf.native.pooling import max_pool
from resnet_tf.native.units import Prologue, convolution_unit

__all__ = [
    "INSTRUCTIONS",
    "Moments",
    "Norm",
    "Prologue",
    "Unit",
    "available",
    "batch_norm",
    "batch_norms",
    "computing",
    "convolution",
    "convolution_unit",
    "convolves",
    "dense_block",
    "instructions",
    "max_pool",
    "normalizes",
    "obstacle",
    "pools",
    "reason",
    "resolved",
    "use_instructions",
]
