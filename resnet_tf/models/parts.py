"""The parts that all networks share: images, stem, BN-ReLU and head."""

from collections.abc import Mapping
from typing import Any

import keras

from resnet_tf.config import HEAD, ModelConfig
from resnet_tf.config.layers import WHITENING, WHITENING_FILTERS
from resnet_tf.errors import SettingError
from resnet_tf.layers import BatchNorm, activation_layer, conv, fan_in_uniform
from resnet_tf.layers.convolution import convolution_initializer as initializer
from resnet_tf.models.network import Network

# The networks for images of 32x32 pixels halve them up to four times.
SMALLEST_SIDE = 8  # pixels


class Parts:
    """Makes the shared parts with the options of one config.

    Args:
        config: Config of the network.
        families: Values of `config.model` that the caller can build.
        dtype: Keras dtype policy, or None for the global one.
        input_shape: Height, width (an int or None for any) and channels of the
            images, or None for the network's own side and 3 channels.
        name: Name of the model, or None for the network's own.

    Attributes:
        config: Config of the network.
        options: Arguments for every `Block`.

    Raises:
        SettingError: If `input_shape` or `name` is wrong, or Keras is set to
            channels first.
        ValueError: If `config` describes another family.
    """

    def __init__(
        self,
        config: ModelConfig,
        families: tuple[str, ...],
        *,
        dtype: str | None = None,
        input_shape: tuple[int | None, int | None, int] | None = None,
        name: str | None = None,
    ):
        if config.model not in families:
            raise ValueError(
                f"config.model must be {' or '.join(families)}, received {config.model}"
            )
        _require_channels_last()
        self.config = config
        self._dtype = dtype
        self._input_shape = _image_shape(input_shape, config)
        self._name = _model_name(name)
        self.options: dict[str, Any] = {
            "activation": config.activation,
            "kernel_initializer": config.kernel_initializer,
            "bn_momentum": config.bn_momentum,
            "bn_epsilon": config.bn_epsilon,
            "bn_eval": config.bn_eval,
            "dtype": dtype,
        }

    def images(self) -> keras.KerasTensor:
        """Returns the input of the model, (N, H, W, C)."""
        return keras.Input(self._input_shape, name="images")

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

    def whitened(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Returns ReLU of fixed filters, which `whiten_stem` computes from images."""
        whitening = conv(
            WHITENING_FILTERS,
            3,
            kernel_initializer=self.options["kernel_initializer"],
            name=WHITENING,
            dtype=self._dtype,
            trainable=False,
        )
        activate = activation_layer("relu", name=f"{WHITENING}_relu", dtype=self._dtype)
        return activate(whitening(images))

    def bn_activation(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Applies BN and the activation; the layers are e.g. `stem_bn`, `stem_relu`."""
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
            inputs: Images, (N, H, W, C).
            x: Maps before the global average pooling, (N, H, W, C).
            stages: Outputs to return with the logits, by name, or None.
            name: Name of the model if the caller gave none.
        """
        x = keras.layers.GlobalAveragePooling2D(name="pool", dtype="float32")(x)
        logits = keras.layers.Dense(
            self.config.num_classes,
            name=HEAD,
            dtype="float32",
            **self._head_start(x.shape[-1]),
        )(x)
        outputs = logits if stages is None else {**stages, HEAD: logits}
        return Network(inputs, outputs, name=self._name or name)

    def _head_start(self, channels: int) -> dict[str, keras.initializers.Initializer]:
        """Returns the initializers of the dense head."""
        start = {"kernel_initializer": initializer(self.config.head_initializer)}
        if self.config.head_bias == "fan_in_uniform":
            start["bias_initializer"] = fan_in_uniform(channels)
        return start


def _require_channels_last() -> None:
    """Raises unless Keras expects images with the channels last.

    Raises:
        SettingError: If `keras.config.image_data_format()` is "channels_first".
    """
    if (found := keras.config.image_data_format()) != "channels_last":
        raise SettingError(
            "keras.config.image_data_format() must be channels_last for images "
            f"(N, H, W, C), received {found}"
        )


def _image_shape(shape, config: ModelConfig) -> tuple[int | None, int | None, int]:
    """Returns the shape of one image.

    Raises:
        SettingError: If `shape` is not (height, width, channels), the first two
            None or at least `SMALLEST_SIDE`, the last at least 1.
    """
    if shape is None:
        return (config.input_side, config.input_side, 3)
    rule = (
        "input_shape must be (height, width, channels), height and width None or at "
        f"least {SMALLEST_SIDE}, channels at least 1, received {shape!r:.80}"
    )
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise SettingError(rule)
    lowest = (SMALLEST_SIDE, SMALLEST_SIDE, 1)
    for size, least, free in zip(shape, lowest, (True, True, False), strict=True):
        if size is None and free:
            continue
        if type(size) is not int or size < least:
            raise SettingError(rule)
    return tuple(shape)


def _model_name(name: str | None) -> str | None:
    """Returns the name of a model once it is valid.

    Raises:
        SettingError: If the name is not text, is empty or contains a "/".
    """
    if name is not None and (not isinstance(name, str) or not name or "/" in name):
        raise SettingError(f"name must be text without '/', received {name!r:.80}")
    return name
