"""Base class of layers made of convolutions and batch norms."""

from collections.abc import Iterator

import keras

from resnet_tf import native
from resnet_tf.layers.activation import activation_function
from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.convolution import conv
from resnet_tf.layers.unit import is_unit, unit


class Block(keras.layers.Layer):
    """Base class of layers made of convolutions and batch norms.

    Args:
        activation: A name in `ACTIVATIONS`.
        kernel_initializer: A name in `INITIALIZERS`.
        bn_momentum: See `BatchNorm`.
        bn_epsilon: See `BatchNorm`.
        bn_eval: See `evaluation` of `BatchNorm`.

    If layers inside are not trainable, the config lists their names as "frozen".
    """

    def __init__(
        self,
        *,
        activation: str = "relu",
        kernel_initializer: str = "he_fan_out",
        bn_momentum: float = 0.9,
        bn_epsilon: float = 1e-5,
        bn_eval: str = "moving",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.activation = activation
        self.kernel_initializer = kernel_initializer
        self.bn_momentum = bn_momentum
        self.bn_epsilon = bn_epsilon
        self.bn_eval = bn_eval
        self._activate = activation_function(activation)

    def get_config(self):
        config = {**super().get_config(), **self._options}
        frozen = [name for name, part in self._parts() if not part.trainable]
        return {**config, "frozen": frozen} if frozen else config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        frozen = config.pop("frozen", [])
        block = super().from_config(config)
        for name, part in block._parts():
            if name in frozen:
                part.trainable = False
        return block

    def _parts(self) -> Iterator[tuple[str, keras.layers.Layer]]:
        """Yields the layers inside, at any depth, with names like "shortcut.bn"."""
        for name, part in vars(self).items():
            if isinstance(part, keras.layers.Layer):
                yield name, part
            if isinstance(part, Block):
                yield from ((f"{name}.{inner}", x) for inner, x in part._parts())

    @property
    def _options(self) -> dict:
        """Options that a block passes to its inner blocks, without the dtype policy."""
        return {
            "activation": self.activation,
            "kernel_initializer": self.kernel_initializer,
            "bn_momentum": self.bn_momentum,
            "bn_epsilon": self.bn_epsilon,
            "bn_eval": self.bn_eval,
        }

    def _conv(
        self, filters: int, kernel_size: int, name: str, strides: int = 1, **kwargs
    ):
        return conv(
            filters,
            kernel_size,
            strides=strides,
            kernel_initializer=self.kernel_initializer,
            name=name,
            dtype=self.dtype_policy,
            **kwargs,
        )

    def _batch_norm(self, name: str):
        return BatchNorm(
            self.bn_momentum,
            self.bn_epsilon,
            self.bn_eval,
            name=name,
            dtype=self.dtype_policy,
        )

    def _bn_activation(self, bn: BatchNorm, x, training, shortcut=None):
        """Returns the activation of bn(x), plus a shortcut if there is one."""
        if self.activation == "relu" and training and native.normalizes(x):
            return bn(x, training=training, residual=shortcut, relu=True)
        y = bn(x, training=training)
        return self._activate(y if shortcut is None else y + shortcut)

    def _normalized_conv(
        self, bn: BatchNorm | None, conv, x, training, residual=None, passed=False
    ):
        """Returns conv(activation(bn(x))), plus a residual if there is one, and x.

        Args:
            bn: Batch norm before the convolution, or None for conv(x).
            conv: Convolution layer.
            x: Float tensor of shape (N, H, W, C).
            training: See `BatchNorm`.
            residual: Tensor with the shape and dtype of the output, or None.
            passed: Whether other layers read x too; they must read the returned x.
        """
        relu = bn is None or self.activation == "relu"
        if relu and training and is_unit(bn, conv, x):
            return unit(bn, conv, x, residual, passed)
        y = conv(self._bn_activation(bn, x, training) if bn else x)
        return y if residual is None else y + residual, x
