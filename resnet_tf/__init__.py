"""Paper-exact CIFAR residual and densely connected networks in TensorFlow.

The names below are imported on first use, so importing the package is fast and does
not import TensorFlow. If a program has already imported Keras, the layers are
imported at once: Keras then knows them by name and can load a saved network.
"""

import importlib
import sys

_HOMES = {
    "DataConfig": "resnet_tf.config",
    "ExperimentConfig": "resnet_tf.config",
    "ModelConfig": "resnet_tf.config",
    "OptimizerConfig": "resnet_tf.config",
    "TrainConfig": "resnet_tf.config",
    "batch_norms": "resnet_tf.layers",
    "build_densenet": "resnet_tf.models",
    "build_model": "resnet_tf.models",
    "build_resnet": "resnet_tf.models",
    "evaluate": "resnet_tf.evaluation.evaluate",
    "list_models": "resnet_tf.models",
    "load_pretrained": "resnet_tf.evaluation.pretrained",
    "optimize_for_inference": "resnet_tf.models.inference",
    "train": "resnet_tf.training.train",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'resnet_tf' has no attribute {name!r}")
    home = _HOMES[name]
    if home.startswith(("resnet_tf.models", "resnet_tf.layers")):
        # This module needs TensorFlow; `startup` reports a failed import in one line.
        importlib.import_module("resnet_tf.startup").import_tensorflow()
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


if {"keras", "tensorflow"} <= sys.modules.keys():
    importlib.import_module("resnet_tf.models.network")
    importlib.import_module("resnet_tf.layers")
