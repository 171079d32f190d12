"""Keras layers with weights or raw TensorFlow operations."""

from resnet_tf.config.layers import compressed
from resnet_tf.layers.activation import activation_layer
from resnet_tf.layers.batch_norm import BatchNorm, batch_norms
from resnet_tf.layers.block import Block
from resnet_tf.layers.bottleneck import PreActBottleneckBlock
from resnet_tf.layers.convolution import Conv2D, TorchConv2D, conv, fan_in_uniform
from resnet_tf.layers.dense import DenseLayer, Transition
from resnet_tf.layers.dense_block import DenseJoin
from resnet_tf.layers.dropout import dropout, dropout_seed, step_seed
from resnet_tf.layers.inception import ConvUnit, InceptionBlock
from resnet_tf.layers.pooling import MaxPool
from resnet_tf.layers.residual import PreActResidualBlock, ResidualBlock
from resnet_tf.layers.shortcut import (
    ProjectionShortcut,
    ZeroPadShortcut,
    make_shortcut,
)

__all__ = [
    "BatchNorm",
    "Block",
    "Conv2D",
    "ConvUnit",
    "DenseJoin",
    "DenseLayer",
    "InceptionBlock",
    "MaxPool",
    "PreActBottleneckBlock",
    "PreActResidualBlock",
    "ProjectionShortcut",
    "ResidualBlock",
    "TorchConv2D",
    "Transition",
    "ZeroPadShortcut",
    "activation_layer",
    "batch_norms",
    "compressed",
    "conv",
    "dropout",
    "dropout_seed",
    "fan_in_uniform",
    "make_shortcut",
    "step_seed",
]
