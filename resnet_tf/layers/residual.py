"""The residual block in both orders: F(x) plus a shortcut without parameters."""

import keras
from keras import ops

from resnet_tf.layers.block import Block
from resnet_tf.layers.shortcut import ZeroPadShortcut


class _TwoConvolutions(Block):
    """What both orders share: two 3x3 convolutions and the shortcut."""

    def __init__(self, filters: int, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.conv1 = self._conv(filters, 3, "conv1", strides)
        self.conv2 = self._conv(filters, 3, "conv2")
        self.shortcut = ZeroPadShortcut(
            filters, strides, name="shortcut", dtype=self.dtype_policy
        )

    def compute_output_shape(self, input_shape):
        return self.shortcut.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
        }


@keras.saving.register_keras_serializable(package="resnet_tf")
class ResidualBlock(_TwoConvolutions):
    """conv-BN-ReLU-conv-BN, plus the shortcut, then ReLU.

    He et al. 2015, figure 2 and section 4.2, with `ZeroPadShortcut`.

    Args:
        filters: Output channels.
        strides: 1, or 2 in the first block of stages 2 and 3.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / strides, W / strides, filters), dtype of `inputs`.

    Raises:
        ValueError: If `ZeroPadShortcut` cannot bring the input to `filters`.

    Reference: https://arxiv.org/abs/1512.03385
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs):
        super().__init__(filters, strides, **kwargs)
        self.bn1 = self._batch_norm("bn1")
        self.bn2 = self._batch_norm("bn2")

    def build(self, input_shape):
        self.shortcut.build(input_shape)
        shape = self.compute_output_shape(input_shape)
        self.conv1.build(input_shape)
        self.bn1.build(shape)
        self.conv2.build(shape)
        self.bn2.build(shape)

    def call(self, inputs, training=None):
        x = self.conv1(inputs)
        x = ops.relu(self.bn1(x, training=training))
        x = self.conv2(x)
        x = self.bn2(x, training=training)
        return ops.relu(x + self.shortcut(inputs))


@keras.saving.register_keras_serializable(package="resnet_tf")
class PreActResidualBlock(_TwoConvolutions):
    """BN-ReLU-conv-BN-ReLU-conv, plus the shortcut taken from the raw input.

    He et al. 2016, figure 4(e), with `ZeroPadShortcut`: the order of the TF1
    original, whose first block follows the stem's BN and ReLU and therefore
    starts with a bare convolution.

    Args:
        filters: Output channels.
        strides: 1, or 2 in the first block of stages 2 and 3.
        preactivate: False in the very first block: no BN and ReLU before the
            first convolution.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / strides, W / strides, filters), dtype of `inputs`.

    Raises:
        ValueError: If `ZeroPadShortcut` cannot bring the input to `filters`.

    Reference: https://arxiv.org/abs/1603.05027
    """

    def __init__(
        self, filters: int, strides: int = 1, preactivate: bool = True, **kwargs
    ):
        super().__init__(filters, strides, **kwargs)
        self.preactivate = preactivate
        self.bn1 = self._batch_norm("bn1") if preactivate else None
        self.bn2 = self._batch_norm("bn2")

    def build(self, input_shape):
        self.shortcut.build(input_shape)
        shape = self.compute_output_shape(input_shape)
        if self.preactivate:
            self.bn1.build(input_shape)
        self.conv1.build(input_shape)
        self.bn2.build(shape)
        self.conv2.build(shape)

    def call(self, inputs, training=None):
        x = inputs
        if self.preactivate:
            x = ops.relu(self.bn1(x, training=training))
        x = self.conv1(x)
        x = ops.relu(self.bn2(x, training=training))
        x = self.conv2(x)
        return x + self.shortcut(inputs)

    def get_config(self):
        return {**super().get_config(), "preactivate": self.preactivate}
