"""Functions that build the networks: from a `ModelConfig` to a Keras model."""

from resnet_tf.models.densenet import build_densenet
from resnet_tf.models.registry import build_model, list_models
from resnet_tf.models.resnet import build_resnet

# Keras's dtype policies by `mixed_precision`.
POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}

__all__ = [
    "POLICIES",
    "build_densenet",
    "build_model",
    "build_resnet",
    "list_models",
]
