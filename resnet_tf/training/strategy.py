"""Which devices a run uses."""

import tensorflow as tf

from resnet_tf.config import TrainConfig
from resnet_tf.errors import SettingError


def make_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """Returns the strategy that `config.strategy` names.

    "auto" takes every local GPU when there are several, else the one device
    that TensorFlow prefers; "mirrored" takes every GPU, or every logical CPU.

    Raises:
        SettingError: If the batch does not divide over the replicas, or XLA is
            asked for with several.
    """
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    several = len(devices) > 1 and kind == "GPU"
    if config.strategy == "one" or (config.strategy == "auto" and not several):
        return tf.distribute.get_strategy()
    replicas = len(devices)
    if config.train_batch_size % (replicas * config.lanes):
        lanes = f" of {config.lanes} lanes" if config.lanes > 1 else ""
        raise SettingError(
            f"train_batch_size must be divisible by the {replicas} replicas{lanes}, "
            f"received {config.train_batch_size}"
        )
    if config.jit_compile and replicas > 1:
        raise SettingError(
            f"jit_compile needs one replica, received {replicas}; use --strategy=one"
        )
    return tf.distribute.MirroredStrategy(
        [device.removeprefix("/device:") for device in devices]
    )
