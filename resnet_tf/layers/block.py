"""The base of the layers that are made of convolutions and batch norms."""

import keras

from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.convolution import conv


class Block(keras.layers.Layer):
    """Base of the layers that are made of convolutions and batch norms.

    Args:
        kernel_initializer: A name in `INITIALIZERS`.
        bn_momentum: See `BatchNorm`.
        bn_epsilon: See `BatchNorm`.
    """

    def __init__(
        self,
        *,
        kernel_initializer: str = "he_fan_out",
        bn_momentum: float = 0.9,
        bn_epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = kernel_initializer
        self.bn_momentum = bn_momentum
        self.bn_epsilon = bn_epsilon

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_initializer": self.kernel_initializer,
            "bn_momentum": self.bn_momentum,
            "bn_epsilon": self.bn_epsilon,
        }

    def _conv(self, filters: int, kernel_size: int, name: str, strides: int = 1):
        return conv(
            filters,
            kernel_size,
            strides=strides,
            kernel_initializer=self.kernel_initializer,
            name=name,
            dtype=self.dtype_policy,
        )

    def _batch_norm(self, name: str):
        return BatchNorm(
            self.bn_momentum, self.bn_epsilon, name=name, dtype=self.dtype_policy
        )
