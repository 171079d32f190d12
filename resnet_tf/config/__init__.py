"""Settings are data: frozen sections, recipes, and their JSON form.

Uses the standard library only; the command-line flags and every `config.json`
are views of the fields declared in `sections`.
"""

from resnet_tf.config.datasets import DATASETS, DatasetInfo
from resnet_tf.config.experiment import ExperimentConfig, differences
from resnet_tf.config.fields import FieldSpec, unknown
from resnet_tf.config.recipes import RECIPES, recipe_values
from resnet_tf.config.sections import (
    DataConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    iter_fields,
)

__all__ = [
    "DATASETS",
    "RECIPES",
    "DataConfig",
    "DatasetInfo",
    "ExperimentConfig",
    "FieldSpec",
    "ModelConfig",
    "OptimizerConfig",
    "TrainConfig",
    "differences",
    "iter_fields",
    "recipe_values",
    "unknown",
]
