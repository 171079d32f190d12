"""Builds a network from its name or its config."""

import importlib

import keras

from resnet_tf.config import FAMILIES, NETWORKS, ModelConfig, named_network
from resnet_tf.errors import SettingError


def build_model(
    name_or_config: str | ModelConfig,
    *,
    features: bool = False,
    dtype: str | None = None,
    input_shape: tuple[int | None, int | None, int] | None = None,
    name: str | None = None,
    **values,
) -> keras.Model:
    """Returns a network.

    Args:
        name_or_config: A registered name (see `list_models`) or a config.
        features: Whether to return a dict of the outputs of the stem, the stages and
            "logits" by name instead of the logits.
        dtype: Keras dtype policy, e.g. "mixed_bfloat16"; the global policy if None.
            Logits are float32 with every policy.
        input_shape: Height, width and channels of the images; height and width
            are at least 8, or None for images of any size. (32, 32, 3) if None, or
            (224, 224, 3) for the ImageNet networks.
        name: Name of the model; the network's own name if None. Networks of one kind
            need different names to be parts of one model.
        **values: Settings of `ModelConfig` to change, e.g. `num_classes=100`.

    Returns:
        A functional model from images (N, *input_shape) to logits
        (N, num_classes).

    Raises:
        SettingError: If a name is unknown, a value is wrong, or values are given
            together with a config.
    """
    config = name_or_config
    if isinstance(config, str):
        config = named_network(config, **values)
    elif not isinstance(config, ModelConfig):
        raise SettingError(
            "name_or_config must be a network's name or a ModelConfig, received "
            f"{config!r:.80}"
        )
    elif values:
        raise SettingError(
            f"values go with a network's name only, received a config and {values}"
        )
    form = {"dtype": dtype, "input_shape": input_shape, "name": name}
    # The table of networks holds the builder as text: config imports no TensorFlow.
    module, function = FAMILIES[config.model].builder.split(":")
    build = getattr(importlib.import_module(f"resnet_tf.models.{module}"), function)
    return build(config, features=features, **form)


def list_models() -> list[str]:
    """Returns the names of the registered networks."""
    return list(NETWORKS)
