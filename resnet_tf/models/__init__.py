"""The networks, each a function from a `ModelConfig` to a Keras model."""

import keras

from resnet_tf.config import ModelConfig
from resnet_tf.models.densenet import build_densenet
from resnet_tf.models.resnet import build_resnet

# Keras's dtype policies by `mixed_precision`.
POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}
_BUILDERS = {"resnet": build_resnet, "densenet": build_densenet}


def build_model(
    config: ModelConfig, *, features: bool = False, dtype: str | None = None
) -> keras.Model:
    """Returns the network that `config` describes; see its builder."""
    return _BUILDERS[config.model](config, features=features, dtype=dtype)


__all__ = ["POLICIES", "build_densenet", "build_model", "build_resnet"]
