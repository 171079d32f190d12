"""The parts that the networks have in common: images, stem, BN-ReLU and head."""

from collections.abc import Mapping
from typing import Any

import keras

from resnet_tf.config import HEAD, ModelConfig
from resnet_tf.layers import BatchNorm, activation_layer, conv, fan_in_uniform
from resnet_tf.layers.convolution import convolution_initializer as initializer
from resnet_tf.models.network import Network


class Parts:
    """Makes the common parts with one config's options.

    Args:
        config: The network.
        families: The values of `config.model` that the caller builds.
        dtype: Keras dtype policy, or None for the global one.

    Attributes:
        config: As given.
        options: Arguments of every `Block`.

    Raises:
        ValueError: If `config` describes another family.
    """

    def __init__(self, config: ModelConfig, families: tuple[str, ...], dtype):
        if config.model not in families:
            raise ValueError(
                f"config.model must be {' or '.join(families)}, received {config.model}"
            )
        self.config = config
        self._dtype = dtype
        self.options = {
            "activation": config.activation,
            "kernel_initializer": config.kernel_initializer,
            "bn_momentum": config.bn_momentum,
            "bn_epsilon": config.bn_epsilon,
            "bn_eval": config.bn_eval,
            "dtype": dtype,
        }

    def images(self) -> keras.KerasTensor:
        """Returns the input, (N, side, side, 3)."""
        side = self.config.input_side
        return keras.Input((side, side, 3), name="images")

    def stem_conv(
        self, filters: int, kernel_size: int = 3, strides: int = 1, **kwargs
    ) -> keras.layers.Conv2D:
        """Returns the first convolution; see `conv`."""
        return conv(
            filters,
            kernel_size,
            strides=strides,
            kernel_initializer=self.options["kernel_initializer"],
            name="stem_conv",
            dtype=self._dtype,
            **kwargs,
        )

    def bn_activation(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Returns BN and the activation, in layers such as `stem_bn`, `stem_relu`."""
        config = self.config
        bn = BatchNorm(
            config.bn_momentum,
            config.bn_epsilon,
            config.bn_eval,
            name=f"{name}_bn",
            dtype=self._dtype,
        )
        activate = activation_layer(
            config.activation, name=f"{name}_{config.activation}", dtype=self._dtype
        )
        return activate(bn(x))

    def classifier(
        self,
        inputs: keras.KerasTensor,
        x: keras.KerasTensor,
        stages: Mapping[str, Any] | None,
        name: str,
    ) -> keras.Model:
        """Returns the model that ends in global average pooling and logits.

        Args:
            inputs: The images, (N, side, side, 3).
            x: What the head sees, (N, H, W, C).
            stages: Outputs to return by name next to the logits, or None.
            name: Name of the model.
        """
        x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(x)
        logits = keras.layers.Dense(
            self.config.num_classes,
            name=HEAD,
            dtype="float32",
            **self._head_start(x.shape[-1]),
        )(x)
        outputs = logits if stages is None else {**stages, HEAD: logits}
        return Network(inputs, outputs, name=name)

    def _head_start(self, channels: int) -> dict[str, keras.initializers.Initializer]:
        """Returns the initialisers of the dense head."""
        start = {"kernel_initializer": initializer(self.config.head_initializer)}
        if self.config.head_bias == "fan_in_uniform":
            start["bias_initializer"] = fan_in_uniform(channels)
        return start
