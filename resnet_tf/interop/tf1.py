"""Imports checkpoints of the TF1 original, resnet-in-tensorflow.

Source: https://github.com/wenxinxu/resnet-in-tensorflow, whose released weights are
`model_110.ckpt-79999`. The network is `resnet` with order "pre", shortcut "A-pool" and
epsilon 1e-3. Its batch norm has no moving averages; see `with_averages`.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from resnet_tf.config import CIFAR_OF_CLASSES, FOLDER, ExperimentConfig
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.source import Published, Source
from resnet_tf.interop.tf1_file import (
    checkpoint_files,
    checkpoint_prefix,
    read_variables,
)

URL = "https://github.com/wenxinxu/resnet-in-tensorflow"
RECIPE = "wenxinxu"
BATCH_NOTE = (
    "The checkpoint has no moving averages: batch norm uses each batch's own "
    "statistics (bn_eval=batch), so logits depend on the other images in the batch."
)

_FIRST_CONV = re.compile(r"conv1_\d+/conv1_in_block/conv")
_BLOCK = re.compile(r"stage(\d)_block(\d+)/(?:conv|bn)(\d)/(\w+)")
_SCOPES = {"stem_conv": "conv0", "stem_bn": "conv0", "final_bn": "fc", "logits": "fc"}
_HEAD = {"logits/kernel": "fc/fc_weights", "logits/bias": "fc/fc_bias"}
_STATISTICS = ("moving_mean", "moving_variance")

# Variables that only training needs: the optimizer's slots, averages of loss and
# error, and counters of updates, which have default names.
_MOMENTUM = re.compile(r"/Momentum(_\d+)?$")
_AVERAGE = re.compile(r"(^|/)ExponentialMovingAverage(_\d+)?(/|$)")
_COUNTER = re.compile(r"(Variable|global_step|validation_step)(_\d+)?")

# Settings of the network and of the original's training, which used all training
# images.
_ORIGINAL = {
    "order": "pre",
    "shortcut": "A-pool",
    "stride_padding": "end",
    "bn_epsilon": 1e-3,
    "bn_eval": "batch",
    "sampling": "window",
    "crop_offsets": "asymmetric",
    "first_decay_late": True,
    "validation_size": 0,
}
# The lowest published errors, in percent, by data set and depth.
_ERRORS = {("cifar10", 32): 6.7, ("cifar10", 56): 6.5, ("cifar10", 110): 6.2}
_WHERE = f"the lowest of many evaluations on test images in training, {URL}"


def read_tf1(path: str | Path) -> Source:
    """Reads a checkpoint of resnet-in-tensorflow, of any depth.

    `assign` checks that the checkpoint has every weight with its shape. Apart from
    the weights, the checkpoint must contain only variables of training, which `assign`
    skips by name. As in the original, evaluation normalizes each batch with its own
    statistics; see `with_averages`.

    Args:
        path: See `checkpoint_prefix`.

    Raises:
        CheckpointError: If there is no such checkpoint, or it is damaged or of
            another network.
    """
    variables = read_variables(path)
    config = _config(variables)
    error = _ERRORS.get((config.data.dataset, config.model.layers_deep))
    return Source(
        files=checkpoint_files(checkpoint_prefix(path)),
        family=f"wenxinxu/resnet-in-tensorflow ResNet-{config.model.layers_deep}",
        url=URL,
        config=config,
        assign=functools.partial(_assign, variables=variables),
        published=Published(error, _WHERE) if error else None,
        notes=(BATCH_NOTE,),
        averages=False,
    )


def _config(variables: Mapping[str, np.ndarray]) -> ExperimentConfig:
    """Returns the config of the experiment; depth and classes follow the variables."""
    blocks = sum(bool(_FIRST_CONV.fullmatch(name)) for name in variables)
    bias = variables.get(_HEAD["logits/bias"])
    if not blocks or bias is None or bias.ndim != 1:
        raise CheckpointError(
            "a checkpoint of resnet-in-tensorflow must have the variables "
            f"conv1_0/conv1_in_block/conv and fc/fc_bias, received {len(variables)} "
            f"variables, the first {min(variables, default='')!r:.80}"
        )
    settings = {
        **_ORIGINAL,
        "num_residual_blocks": blocks,
        "num_classes": bias.size,
        "dataset": CIFAR_OF_CLASSES.get(bias.size, FOLDER),
        "flip": True,
    }
    return ExperimentConfig.from_flat(settings, RECIPE)


def _assign(model: keras.Model, variables: Mapping[str, np.ndarray]) -> int:
    """Assigns the weights to the model and returns their number."""
    places = {
        _their_name(weight.path): weight
        for weight in model.weights
        if not weight.path.endswith(_STATISTICS)
    }
    missing = sorted(places.keys() - variables.keys())
    if missing:
        raise CheckpointError(f"{model.name} must have the variable {missing[0]}")
    left = sorted(variables.keys() - places.keys())
    for name in left:
        if not _belongs_to_training(name, variables[name], places):
            raise CheckpointError(f"{model.name} must have no variable {name!r:.80}")
    for name, weight in places.items():
        value, shape = variables[name], tuple(weight.shape)
        if value.shape != shape or value.dtype != np.float32:
            raise CheckpointError(
                f"the variable {name} must be float32 of the shape {shape}, received "
                f"{value.dtype} of {value.shape}"
            )
        if not np.isfinite(value).all():
            raise CheckpointError(f"the variable {name} must be finite")
    for name, weight in places.items():
        weight.assign(variables[name])
    return len(places)


def _their_name(path: str) -> str:
    """Returns the original's name of one of our weights.

    For example `conv2_0/conv1_in_block/gamma` for `stage2_block1/bn1/gamma`.
    """
    if path in _HEAD:
        return _HEAD[path]
    if block := _BLOCK.fullmatch(path):
        stage, number, half, kind = block.groups()
        scope = f"conv{stage}_{int(number) - 1}/conv{half}_in_block"
    else:
        layer, _, kind = path.rpartition("/")
        scope = _SCOPES[layer]
    return f"{scope}/{'conv' if kind == 'kernel' else kind}"


def _belongs_to_training(
    name: str, value: np.ndarray, weights: Mapping[str, keras.Variable]
) -> bool:
    if slot := _MOMENTUM.search(name):
        return name[: slot.start()] in weights
    if _AVERAGE.search(name):
        return True
    return value.ndim == 0 and _COUNTER.fullmatch(name) is not None
