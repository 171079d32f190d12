"""The parts that both families share: stem, BN-ReLU and head."""

from collections.abc import Mapping
from typing import Any

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.layers import BatchNorm, conv

IMAGE_SHAPE = (32, 32, 3)


class Parts:
    """Makes the shared parts with one config's options.

    Args:
        config: The network.
        family: The `config.model` that the caller builds.
        dtype: Keras dtype policy, or None for the global one.

    Attributes:
        options: Arguments of every `Block`.

    Raises:
        ValueError: If `config` describes another family.
    """

    def __init__(self, config: ModelConfig, family: str, dtype: str | None):
        if config.model != family:
            raise ValueError(f"config.model must be {family}, received {config.model}")
        self._config = config
        self._dtype = dtype
        self.options = {
            "kernel_initializer": config.kernel_initializer,
            "bn_momentum": config.bn_momentum,
            "bn_epsilon": config.bn_epsilon,
            "dtype": dtype,
        }

    def stem_conv(self, filters: int) -> keras.layers.Conv2D:
        """Returns the first convolution, 3x3."""
        return conv(
            filters,
            3,
            kernel_initializer=self._config.kernel_initializer,
            name="stem_conv",
            dtype=self._dtype,
        )

    def bn_relu(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Returns ReLU(BN(x)), in layers `{name}_bn` and `{name}_relu`."""
        config = self._config
        bn = BatchNorm(
            config.bn_momentum,
            config.bn_epsilon,
            name=f"{name}_bn",
            dtype=self._dtype,
        )
        return keras.layers.ReLU(name=f"{name}_relu", dtype=self._dtype)(bn(x))

    def classifier(
        self,
        inputs: keras.KerasTensor,
        x: keras.KerasTensor,
        stages: Mapping[str, Any] | None,
        name: str,
    ) -> keras.Model:
        """Returns the model that ends in global average pooling and logits.

        Args:
            inputs: The images, (N, 32, 32, 3).
            x: What the head sees, (N, H, W, C).
            stages: Outputs to return by name next to the logits, or None.
            name: Name of the model.
        """
        x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(x)
        logits = keras.layers.Dense(
            self._config.num_classes,
            kernel_initializer=keras.initializers.VarianceScaling(
                1.0, "fan_in", "untruncated_normal"
            ),
            name="logits",
            dtype="float32",
        )(x)
        outputs = logits if stages is None else {**stages, "logits": logits}
        return keras.Model(inputs, outputs, name=name)
