"""Settings as data: frozen sections, recipes, and their JSON form.

Uses only the standard library. The command-line flags and `config.json` are derived
from the fields that the sections declare.
"""

from resnet_tf.config.data import DataConfig
from resnet_tf.config.datasets import (
    CIFAR_OF_CLASSES,
    COARSE,
    DATASETS,
    FOLDER,
    DatasetInfo,
    folder_info,
)
from resnet_tf.config.experiment import ExperimentConfig, differences
from resnet_tf.config.fields import FieldSpec, positive, unknown
from resnet_tf.config.model import ModelConfig, named_network, network_size
from resnet_tf.config.networks import FAMILIES, HEAD, NETWORKS, RESNET, Published
from resnet_tf.config.optimizer import OptimizerConfig
from resnet_tf.config.recipes import (
    DEFAULT_RECIPE,
    RECIPES,
    recipe_source,
    recipe_values,
)
from resnet_tf.config.sections import iter_fields, iter_settings
from resnet_tf.config.size import NetworkSize
from resnet_tf.config.strict_json import parse_object
from resnet_tf.config.train import TrainConfig

__all__ = [
    "CIFAR_OF_CLASSES",
    "COARSE",
    "DATASETS",
    "DEFAULT_RECIPE",
    "FAMILIES",
    "FOLDER",
    "HEAD",
    "NETWORKS",
    "RECIPES",
    "RESNET",
    "DataConfig",
    "DatasetInfo",
    "ExperimentConfig",
    "FieldSpec",
    "ModelConfig",
    "NetworkSize",
    "OptimizerConfig",
    "Published",
    "TrainConfig",
    "differences",
    "folder_info",
    "iter_fields",
    "iter_settings",
    "named_network",
    "network_size",
    "parse_object",
    "positive",
    "recipe_source",
    "recipe_values",
    "unknown",
]
