"""The two parts of a densely connected network."""

import keras
from keras import ops

from resnet_tf.layers.block import Block


@keras.saving.register_keras_serializable(package="resnet_tf")
class DenseLayer(Block):
    """BN-ReLU-conv3x3 to k channels, which are appended to the input.

    Huang et al. 2016, section 3; with `bottleneck` (DenseNet-B) a BN-ReLU-conv1x1
    goes before. Not `keras.layers.Dense`.

    Args:
        growth_rate: Channels that the layer adds, k.
        bottleneck: Whether the 1x1 convolution goes before the 3x3 one.
        bottleneck_width: Channels between the two, as a multiple of k.
        new_first: Whether the new channels come before the input's.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H, W, C + growth_rate): the input, then the new
        channels, or the other way round; dtype of `inputs`.

    Reference: https://arxiv.org/abs/1608.06993
    """

    def __init__(
        self,
        growth_rate: int,
        bottleneck: bool = False,
        bottleneck_width: int = 4,
        new_first: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.growth_rate = growth_rate
        self.bottleneck = bottleneck
        self.bottleneck_width = bottleneck_width
        self.new_first = new_first
        self.bn1 = self._batch_norm("bn1")
        if bottleneck:
            self.conv1 = self._conv(bottleneck_width * growth_rate, 1, "conv1")
            self.bn2 = self._batch_norm("bn2")
            self.conv2 = self._conv(growth_rate, 3, "conv2")
        else:
            self.conv1 = self._conv(growth_rate, 3, "conv1")

    def build(self, input_shape):
        self.bn1.build(input_shape)
        self.conv1.build(input_shape)
        if self.bottleneck:
            wide = self.conv1.compute_output_shape(input_shape)
            self.bn2.build(wide)
            self.conv2.build(wide)

    def call(self, inputs, training=None):
        x = self._activate(self.bn1(inputs, training=training))
        x = self.conv1(x)
        if self.bottleneck:
            x = self._activate(self.bn2(x, training=training))
            x = self.conv2(x)
        parts = [x, inputs] if self.new_first else [inputs, x]
        return ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.growth_rate)

    def get_config(self):
        return {
            **super().get_config(),
            "growth_rate": self.growth_rate,
            "bottleneck": self.bottleneck,
            "bottleneck_width": self.bottleneck_width,
            "new_first": self.new_first,
        }


@keras.saving.register_keras_serializable(package="resnet_tf")
class Transition(Block):
    """BN-ReLU-conv1x1 and 2x2 average pooling between two dense blocks.

    Huang et al. 2016, section 3. DenseNet-C keeps floor(theta * C) channels, see
    `compressed`.

    Args:
        filters: Output channels.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C), H and W even.
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, H / 2, W / 2, filters), dtype of `inputs`.

    Reference: https://arxiv.org/abs/1608.06993
    """

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.bn = self._batch_norm("bn")
        self.conv = self._conv(filters, 1, "conv")
        self.pool = keras.layers.AveragePooling2D(
            2, name="pool", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        self.bn.build(input_shape)
        self.conv.build(input_shape)

    def call(self, inputs, training=None):
        x = self._activate(self.bn(inputs, training=training))
        return self.pool(self.conv(x))

    def compute_output_shape(self, input_shape):
        inner = self.conv.compute_output_shape(input_shape)
        return self.pool.compute_output_shape(inner)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


def compressed(channels: int, compression: float) -> int:
    """Returns floor(compression * channels), of the exact product.

    Args:
        channels: Channels before a transition.
        compression: Share that is kept, theta, in (0, 1].

    Raises:
        ValueError: If `compression` is out of (0, 1].
    """
    if not 0 < compression <= 1:
        raise ValueError(f"compression must be in (0, 1], received {compression}")
    # The small term keeps 0.29 * 100 at 29: the product is just below it.
    return int(compression * channels + 1e-6)
