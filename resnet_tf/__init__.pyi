"""The public names for type checkers; `__init__.py` imports them when they are used."""

from resnet_tf.config import DataConfig as DataConfig
from resnet_tf.config import ExperimentConfig as ExperimentConfig
from resnet_tf.config import ModelConfig as ModelConfig
from resnet_tf.config import OptimizerConfig as OptimizerConfig
from resnet_tf.config import TrainConfig as TrainConfig
from resnet_tf.evaluation.evaluate import evaluate as evaluate
from resnet_tf.evaluation.pretrained import load_pretrained as load_pretrained
from resnet_tf.layers import batch_norms as batch_norms
from resnet_tf.models import build_densenet as build_densenet
from resnet_tf.models import build_model as build_model
from resnet_tf.models import build_resnet as build_resnet
from resnet_tf.models import list_models as list_models
from resnet_tf.models.inference import optimize_for_inference as optimize_for_inference
from resnet_tf.training.train import train as train
