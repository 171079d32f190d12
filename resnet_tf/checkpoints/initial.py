"""The initial weights of a training from a file: `--init_from`."""

import dataclasses
import os
import socket
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

import keras

from resnet_tf.checkpoints import torchvision
from resnet_tf.checkpoints.grow import grow, require_growth
from resnet_tf.checkpoints.hints import import_command, is_foreign
from resnet_tf.checkpoints.normalizer import values
from resnet_tf.checkpoints.resolve import pretrained_names, resolve
from resnet_tf.checkpoints.state_dict import Weights, read_weights
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.checkpoints.weights import fill_strictly, load_checkpoint
from resnet_tf.checkpoints.weights_file import StoredWeights
from resnet_tf.config import HEAD, ExperimentConfig, ModelConfig
from resnet_tf.data.host import PROBE_SECONDS, answers
from resnet_tf.disk import user_path
from resnet_tf.errors import CheckpointError, MissingCheckpointError, SettingError
from resnet_tf.models import build_model

IMAGENET, IMAGENET_MODEL = "imagenet", "densenet121"
WEIGHTS_SUFFIX = ".weights.h5"

HOST = "storage.googleapis.com"
_CACHED = "models/densenet121_weights_tf_dim_ordering_tf_kernels.h5"

# Settings of the network that affect initialization, training or evaluation, but not
# the meaning of the weights.
_FREE = {
    "num_classes",
    "kernel_initializer",
    "head_initializer",
    "head_bias",
    "bn_momentum",
    "bn_eval",
    "memory_efficient",
    "dropout_rate",
    "zero_init_residual",
    "stochastic_depth",
}


class _Loaded(NamedTuple):
    """The number of loaded weights, the number of classes of the source, and notes."""

    weights: int
    classes: int
    notes: tuple[str, ...] = ()


def initialize(model: keras.Model, config: ExperimentConfig) -> str:
    """Loads the weights of a new model from `config.train.init_from`.

    The source must be the same network or, with `grow`, a shallower one. The head is
    loaded only if it has the same number of classes; otherwise the model's head is
    unchanged.

    Args:
        model: Model that `build_model(config.model)` returned, under any strategy.
        config: The experiment, with `init_from`.

    Returns:
        One line that describes the loaded weights.

    Raises:
        CheckpointError: If the source is missing, damaged or of another network,
            or cannot be downloaded.
        SettingError: If the source does not fit this network.
    """
    source = config.train.init_from
    if config.train.grow and (
        source == IMAGENET or source.endswith(WEIGHTS_SUFFIX) or is_foreign(source)
    ):
        raise SettingError(
            f"grow needs a checkpoint or run folder to start from, received {source}"
        )
    if source == IMAGENET:
        loaded = _from_imagenet(model, config)
    elif source.endswith(WEIGHTS_SUFFIX):
        loaded = _from_weights_file(model, config, user_path(source))
    elif is_foreign(source):
        loaded = _from_torchvision(model, config, user_path(source))
    else:
        loaded = _from_checkpoint(model, config)
    line = f"weights from {source}: {loaded.weights} tensors"
    if loaded.classes == config.model.num_classes:
        line += ", the head among them"
    else:
        line += (
            f"; the head of {loaded.classes} classes is replaced by a new one of "
            f"{config.model.num_classes}"
        )
    return ". ".join((line, " ".join(loaded.notes))) if loaded.notes else line


def _from_checkpoint(model: keras.Model, config: ExperimentConfig) -> _Loaded:
    source = config.train.init_from
    try:
        folder = resolve(source)
    except MissingCheckpointError as error:
        known = ", ".join(pretrained_names()) or "none"
        raise MissingCheckpointError(
            f"init_from must be a checkpoint or run folder, a released model "
            f"({known}), a {WEIGHTS_SUFFIX}, a torchvision .pth or {IMAGENET!r}, "
            f"received {source!r}"
        ) from error
    found = open_checkpoint(folder)
    free = _FREE | ({"num_residual_blocks"} if config.train.grow else set())
    if wrong := _other_network(found.config.model, config.model, free):
        raise CheckpointError(
            "init_from must be the same network apart from num_classes, received "
            f"{source} with {', '.join(wrong)}"
        )
    if not config.train.grow:
        return _copy(load_checkpoint(found).model, model)
    require_growth(found.config.model, config.model)
    source = load_checkpoint(found).model
    return _Loaded(grow(source, model, config), source.output_shape[-1])


def _other_network(theirs: ModelConfig, ours: ModelConfig, free: Set[str]) -> list[str]:
    """Returns the settings that differ, e.g. "order=pre, not post"."""
    names = ["model"]
    if theirs.model == ours.model:
        names = [field.name for field in dataclasses.fields(ours)]
    values = {name: (getattr(theirs, name), getattr(ours, name)) for name in names}
    return [
        f"{name}={theirs}, not {ours}"
        for name, (theirs, ours) in values.items()
        if theirs != ours and name not in free
    ]


def _from_weights_file(
    model: keras.Model, config: ExperimentConfig, path: Path
) -> _Loaded:
    weights = StoredWeights.read(path)
    try:
        network = dataclasses.replace(config.model, num_classes=_classes(weights))
    except SettingError as error:
        raise CheckpointError(f"{path}: {error}") from error
    source = build_model(network, dtype="float32")
    fill_strictly(source, weights)
    return _copy(source, model)


def _classes(weights: StoredWeights) -> int:
    """Returns the number of classes of the head in a `.weights.h5`.

    Raises:
        CheckpointError: If there is no head, or the file cannot be read.
    """
    shape = weights.head_shape
    if not shape:
        raise CheckpointError(
            f"{weights.path} must hold a head named {HEAD}, received "
            f"{weights.without_head()}"
        )
    return shape[-1]


def _copy(
    source: keras.Model, model: keras.Model, add_to_variance: float = 0.0
) -> _Loaded:
    """Copies the weights in order, but a head only if it has the same classes."""
    same_head = source.output_shape == model.output_shape
    count = 0
    for theirs, ours in zip(source.weights, model.weights, strict=True):
        if same_head or not ours.path.startswith(f"{HEAD}/"):
            value = keras.ops.convert_to_numpy(theirs)
            if ours.name == "moving_variance":
                value = value + add_to_variance
            ours.assign(value)
            count += 1
    return _Loaded(count, source.output_shape[-1])


def _from_torchvision(
    model: keras.Model, config: ExperimentConfig, path: Path
) -> _Loaded:
    network = config.model.model
    if network not in torchvision.NETWORKS:
        raise SettingError(
            f"model must be {' or '.join(torchvision.NETWORKS)} for torchvision's "
            f"weights, received model={network} with init_from={path}; for a file of "
            f"another network run {import_command(str(path))} and start from its output"
        )
    _require_epsilon(config)
    weights = read_weights(path, option=f"--key of {import_command(str(path))}")
    state_dict = weights.tensors
    try:
        classes = torchvision.num_classes(network, state_dict)
        head = classes == config.model.num_classes
        count = torchvision.assign(model, state_dict, head=head)
        return _Loaded(count, classes, _notes(weights, config))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _notes(weights: Weights, config: ExperimentConfig) -> tuple[str, ...]:
    """Returns notes on other content of the file."""
    if (normalizer := weights.normalizer) is None:
        return weights.notes
    data = config.data
    same = normalizer.equals(data.channel_mean, data.channel_std)
    here = "the same" if same else values(data.channel_mean, data.channel_std)
    return (*weights.notes, f"{normalizer.sentence}; this training has {here}.")


def _require_epsilon(config: ExperimentConfig) -> None:
    if config.model.bn_epsilon != torchvision.BN_EPSILON:
        raise SettingError(
            f"bn_epsilon must be {torchvision.BN_EPSILON} for init_from="
            f"{config.train.init_from}, received {config.model.bn_epsilon}"
        )


def _from_imagenet(model: keras.Model, config: ExperimentConfig) -> _Loaded:
    if config.model.model != IMAGENET_MODEL:
        raise SettingError(
            f"model must be {IMAGENET_MODEL} for init_from={IMAGENET}, received "
            f"{config.model.model}"
        )
    _require_epsilon(config)
    source = _imagenet_densenet121()
    # Keras's batch norm has a slightly larger epsilon than torchvision's.
    epsilon = source.get_layer("bn").epsilon
    return _copy(source, model, epsilon - config.model.bn_epsilon)


def _imagenet_densenet121() -> keras.Model:
    """Returns Keras's DenseNet-121, with weights from its cache or a download.

    Raises:
        CheckpointError: If neither is available; offline, this takes at most
            `PROBE_SECONDS`.
    """
    cached = Path(os.environ.get("KERAS_HOME", "~/.keras"), _CACHED).expanduser()
    if not cached.is_file() and not answers(HOST):
        raise _no_download(f"{HOST} does not answer")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PROBE_SECONDS)
    try:
        return keras.applications.DenseNet121(weights=IMAGENET)
    except Exception as error:  # Keras raises a bare one
        reason = " ".join(str(error).split())[:200]
        raise _no_download(f"the download failed ({reason})") from error
    finally:
        socket.setdefaulttimeout(before)


def _no_download(reason: str) -> CheckpointError:
    return CheckpointError(
        f"init_from={IMAGENET} needs a download from {HOST} and {reason}: run it once "
        "online, or give torchvision's densenet121 .pth"
    )
