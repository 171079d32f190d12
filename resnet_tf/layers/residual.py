"""The residual block in both orders: F(x) plus a shortcut."""

import keras

from resnet_tf.layers.branch import Residual
from resnet_tf.layers.shortcut import make_shortcut


class _TwoConvolutions(Residual):
    """Base of both orders: two 3x3 convolutions and the shortcut."""

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        *,
        shortcut: str = "A-pool",
        stride_padding: str = "end",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.shortcut_kind = shortcut
        self.stride_padding = stride_padding
        self.conv1 = self._conv(
            filters, 3, "conv1", strides, stride_padding=stride_padding
        )
        self.conv2 = self._conv(filters, 3, "conv2")
        self.shortcut = make_shortcut(
            shortcut, filters, strides, dtype=self.dtype_policy, **self._options
        )

    def _build_shortcut(self, input_shape):
        """Builds the shortcut and checks that its output fits the residual.

        Raises:
            ValueError: If the two shapes differ.
        """
        if self.shortcut is None:
            return
        self.shortcut.build(input_shape)
        found = tuple(self.shortcut.compute_output_shape(input_shape))
        expected = tuple(self.compute_output_shape(input_shape))
        if found != expected:
            raise ValueError(
                f"shortcut must give {expected}, received "
                f"{self.shortcut_kind!r}, which gives {found}"
            )

    def _first(self, bn, inputs, training):
        """Returns the first convolution's output, and what the shortcut must read."""
        shared = self.shortcut is not None
        return self._normalized_conv(bn, self.conv1, inputs, training, passed=shared)

    def _shortcut_of(self, inputs):
        """Returns the shortcut's output, or None without a shortcut."""
        return None if self.shortcut is None else self.shortcut(inputs)

    def compute_output_shape(self, input_shape):
        return self.conv1.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "shortcut": self.shortcut_kind,
            "stride_padding": self.stride_padding,
        }


@keras.saving.register_keras_serializable(package="resnet_tf")
class ResidualBlock(_TwoConvolutions):
    """conv-BN-ReLU-conv-BN, plus the shortcut, then ReLU.

    He et al. 2015, figure 2 and section 4.2.

    Args:
        filters: Output channels.
        strides: 1, or 2 to halve height and width.
        **kwargs: `shortcut` (a kind of `make_shortcut`), `stride_padding` (zeros of
            the first convolution at stride 2, see `conv`) and the arguments of
            `Residual`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / strides, W / strides, filters), dtype of `inputs`.

    Raises:
        ValueError: If the shortcut cannot bring the input to this shape, or an
            argument is unknown.

    Reference: https://arxiv.org/abs/1512.03385
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs):
        super().__init__(filters, strides, **kwargs)
        self.bn1 = self._batch_norm("bn1")
        self.bn2 = self._last_of_branch(self._batch_norm("bn2"), "gamma")

    def build(self, input_shape):
        self._build_shortcut(input_shape)
        shape = self.compute_output_shape(input_shape)
        self.conv1.build(input_shape)
        self.bn1.build(shape)
        self.conv2.build(shape)
        self.bn2.build(shape)

    def call(self, inputs, training=None):
        x, inputs = self._first(None, inputs, training)
        x, _ = self._normalized_conv(self.bn1, self.conv2, x, training)
        shortcut = self._shortcut_of(inputs)
        if self._drops(training):
            y = self.bn2(x, training=training)
            return self._activate(self._with_drops(y, shortcut))
        return self._bn_activation(self.bn2, x, training, shortcut)


@keras.saving.register_keras_serializable(package="resnet_tf")
class PreActResidualBlock(_TwoConvolutions):
    """BN-ReLU-conv-BN-ReLU-conv, plus the shortcut taken from the raw input.

    He et al. 2016, figure 4(e). The TF1 original has this order. Its first block
    follows the BN and ReLU of the stem, so it starts with a bare convolution.

    Args:
        filters: Output channels.
        strides: 1, or 2 to halve height and width.
        preactivate: Whether BN and ReLU precede the first convolution; False for a
            block whose input comes from BN and ReLU.
        **kwargs: `shortcut` (a kind of `make_shortcut`), `stride_padding` (zeros of
            the first convolution at stride 2, see `conv`) and the arguments of
            `Residual`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / strides, W / strides, filters), dtype of `inputs`.

    Raises:
        ValueError: If the shortcut cannot bring the input to this shape, or an
            argument is unknown.

    Reference: https://arxiv.org/abs/1603.05027
    """

    def __init__(
        self, filters: int, strides: int = 1, preactivate: bool = True, **kwargs
    ):
        super().__init__(filters, strides, **kwargs)
        self.preactivate = preactivate
        self.bn1 = self._batch_norm("bn1") if preactivate else None
        self.bn2 = self._batch_norm("bn2")
        self._last_of_branch(self.conv2, "kernel")

    def build(self, input_shape):
        self._build_shortcut(input_shape)
        shape = self.compute_output_shape(input_shape)
        if self.preactivate:
            self.bn1.build(input_shape)
        self.conv1.build(input_shape)
        self.bn2.build(shape)
        self.conv2.build(shape)

    def call(self, inputs, training=None):
        x, inputs = self._first(self.bn1, inputs, training)
        shortcut = self._shortcut_of(inputs)
        if self._drops(training):
            x, _ = self._normalized_conv(self.bn2, self.conv2, x, training)
            return self._with_drops(x, shortcut)
        x, _ = self._normalized_conv(self.bn2, self.conv2, x, training, shortcut)
        return x

    def get_config(self):
        return {**super().get_config(), "preactivate": self.preactivate}
