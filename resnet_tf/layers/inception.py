"""The Inception block of the small GoogLeNet and its convolution unit."""

import keras
from keras import ops

from resnet_tf import native
from resnet_tf.layers.block import Block
from resnet_tf.layers.together import (
    convolved_together,
    normalized_apart,
    normalized_together,
)


@keras.saving.register_keras_serializable(package="resnet_tf")
class ConvUnit(Block):
    """A convolution with bias, batch norm and the activation.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, an odd number.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H, W, filters), dtype of `inputs`.
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.conv = self._conv(filters, kernel_size, "conv", use_bias=True)
        self.bn = self._batch_norm("bn")

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.bn.build(self.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        return self._bn_activation(self.bn, self.conv(inputs), training)

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
        }


@keras.saving.register_keras_serializable(package="resnet_tf")
class InceptionBlock(Block):
    """Four branches side by side: 1x1, 3x3, 5x5, and 3x3 max pooling.

    Szegedy et al. 2014, figure 2(b), with batch norm. A 1x1 convolution precedes the
    3x3 and the 5x5 convolution and follows the pooling. Each convolution is a
    `ConvUnit`.

    Args:
        filters: Output channels of the branches 1x1, 3x3, 5x5 and pooling, in the
            order in which the output has them.
        reduced: Channels before the 3x3 and before the 5x5 convolution.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H, W, sum(filters)), dtype of `inputs`.

    Raises:
        ValueError: If `filters` does not have four numbers or `reduced` two.

    Reference: https://arxiv.org/abs/1409.4842
    """

    def __init__(self, filters: tuple[int, ...], reduced: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        for name, value, length in (("filters", filters, 4), ("reduced", reduced, 2)):
            if len(value) != length:
                raise ValueError(f"{name} must be {length} numbers, received {value}")
        self.filters = tuple(filters)
        self.reduced = tuple(reduced)
        self.conv_1x1 = self._unit(filters[0], 1, "conv_1x1")
        self.reduce_3x3 = self._unit(reduced[0], 1, "reduce_3x3")
        self.conv_3x3 = self._unit(filters[1], 3, "conv_3x3")
        self.reduce_5x5 = self._unit(reduced[1], 1, "reduce_5x5")
        self.conv_5x5 = self._unit(filters[2], 5, "conv_5x5")
        self.pool = keras.layers.MaxPooling2D(
            3, 1, "same", name="pool", dtype=self.dtype_policy
        )
        self.conv_pool = self._unit(filters[3], 1, "conv_pool")

    def _unit(self, filters: int, kernel_size: int, name: str) -> ConvUnit:
        return ConvUnit(
            filters, kernel_size, name=name, dtype=self.dtype_policy, **self._options
        )

    @property
    def _branches(self) -> tuple[tuple[ConvUnit, ...], ...]:
        return (
            (self.conv_1x1,),
            (self.reduce_3x3, self.conv_3x3),
            (self.reduce_5x5, self.conv_5x5),
            (self.conv_pool,),
        )

    def build(self, input_shape):
        for units in self._branches:
            shape = input_shape
            for unit in units:
                unit.build(shape)
                shape = unit.compute_output_shape(shape)

    def call(self, inputs, training=None):
        pool = native.max_pool(inputs, 1) if native.pools(inputs) else self.pool(inputs)
        if training and self._is_together(inputs):
            return self._together(inputs, pool)
        starts = (inputs, inputs, inputs, pool)
        outputs = []
        for x, units in zip(starts, self._branches, strict=True):
            for unit in units:
                x = unit(x, training=training)
            outputs.append(x)
        return ops.concatenate(outputs, axis=-1)

    def _is_together(self, inputs) -> bool:
        """Returns whether the native kernels join the branches as they normalize."""
        bns = [unit.bn for units in self._branches for unit in units]
        usual = self.activation == "relu" and native.normalizes(inputs)
        return usual and all(bn.moves for bn in bns)

    def _together(self, inputs, pool):
        """Returns the output in training; equals computing branch by branch."""
        reductions = (self.reduce_3x3, self.reduce_5x5)
        reduced = convolved_together([unit.conv for unit in reductions], inputs)
        in_3x3, in_5x5 = normalized_apart([unit.bn for unit in reductions], reduced)
        last = [units[-1] for units in self._branches]
        starts = (inputs, in_3x3, in_5x5, pool)
        maps = [unit.conv(x) for unit, x in zip(last, starts, strict=True)]
        return normalized_together([unit.bn for unit in last], maps)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], sum(self.filters))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "reduced": self.reduced,
        }
