"""The Keras layers that own weights or a raw TensorFlow operation."""

from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.block import Block
from resnet_tf.layers.convolution import conv
from resnet_tf.layers.dense import DenseLayer, Transition, compressed
from resnet_tf.layers.residual import PreActResidualBlock, ResidualBlock
from resnet_tf.layers.shortcut import ZeroPadShortcut

__all__ = [
    "BatchNorm",
    "Block",
    "DenseLayer",
    "PreActResidualBlock",
    "ResidualBlock",
    "Transition",
    "ZeroPadShortcut",
    "compressed",
    "conv",
]
