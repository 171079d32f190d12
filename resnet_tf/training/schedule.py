"""The learning rate as a function of the update."""

import math
from collections.abc import Callable

import tensorflow as tf

from resnet_tf.config import OptimizerConfig

Schedule = Callable[[tf.Tensor], tf.Tensor]


def learning_rate(config: OptimizerConfig, train_steps: int) -> Schedule:
    """Returns the function that computes the learning rate of an update.

    Over the first `warmup_fraction` of the updates the rate rises linearly and reaches
    `init_lr` at the last of them. With `warmup_steps`, the first updates use the
    constant `warmup_lr` instead. The next update uses `init_lr`. After that:

    * "step": the first `decay_step0` updates use `init_lr` (or warm up), the updates
      up to `decay_step1` use `init_lr * lr_decay_factor`, and the rest use
      `init_lr * lr_decay_factor**2`; with `first_decay_late` each drop comes one
      update later;
    * "cosine": half a cosine wave from `init_lr` to 0 (Loshchilov and Hutter 2017);
    * "onecycle": linear decay to 0 (after Smith and Topin 2017).

    Args:
        config: The schedule and its parameters.
        train_steps: Number of updates in the run.

    Returns:
        Function from an integer scalar tensor, the step from 0 to `train_steps` - 1,
        to the rate, a float32 scalar tensor.
    """
    warmup = config.warmup_steps or round(config.warmup_fraction * train_steps)
    decay = _DECAYS[config.schedule](config, warmup, train_steps)

    def rate(step: tf.Tensor) -> tf.Tensor:
        position = tf.cast(step, tf.float32)
        if config.warmup_steps:
            first = config.warmup_lr
        else:
            first = config.init_lr * ((position + 1) / max(warmup, 1))
        return tf.where(step < warmup, first, config.init_lr * decay(position))

    return rate


def _step(config: OptimizerConfig, warmup: int, train_steps: int) -> Schedule:
    late = int(config.first_decay_late)

    def decay(position: tf.Tensor) -> tf.Tensor:
        factors = [
            tf.where(position < drop + late, 1.0, config.lr_decay_factor)
            for drop in (config.decay_step0, config.decay_step1)
        ]
        return factors[0] * factors[1]

    return decay


def _cosine(config: OptimizerConfig, warmup: int, train_steps: int) -> Schedule:
    def decay(position: tf.Tensor) -> tf.Tensor:
        done = (position - warmup) / max(train_steps - warmup, 1)
        return 0.5 * (1 + tf.cos(math.pi * done))

    return decay


def _onecycle(config: OptimizerConfig, warmup: int, train_steps: int) -> Schedule:
    def decay(position: tf.Tensor) -> tf.Tensor:
        return (train_steps - position) / max(train_steps - warmup, 1)

    return decay


_DECAYS = {"step": _step, "cosine": _cosine, "onecycle": _onecycle}
