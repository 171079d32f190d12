"""What a run says of itself before its first update."""

import math

import keras
import tensorflow as tf

from resnet_tf.config import ExperimentConfig
from resnet_tf.machine import has_bfloat16
from resnet_tf.native import reason
from resnet_tf.training.kernels import TENSORFLOW, kernels_title


def announcement(
    model: keras.Model, config: ExperimentConfig, sizes: tuple[int, int]
) -> list[str]:
    """Returns the network, the data and what is likely a mistake; without the folder.

    Args:
        model: The network.
        config: The experiment.
        sizes: Training and validation images.
    """
    train, optimizer = config.train, config.optimizer
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    frozen = " to train" if train.freeze != "none" else ""
    lines = [
        f"{model.name}: {trained:,} parameters{frozen} | {config.data.dataset}: "
        f"{sizes[0]:,} training and {sizes[1]:,} validation images | "
        f"{train.mixed_precision}, {kernels_title(train.kernels)}"
    ]
    if optimizer.schedule == "step" and train.train_steps <= optimizer.decay_step0:
        lines.append(
            f"the rate never drops: decay_step0={optimizer.decay_step0} is not "
            f"below train_steps={train.train_steps}"
        )
    if train.mixed_precision == "bfloat16" and _on_slow_cpu():
        lines.append(
            "this CPU has no instructions for bfloat16: "
            "--mixed_precision=float32 is several times as fast"
        )
    why = (
        train.kernels == TENSORFLOW and train.mixed_precision == "float32" and reason()
    )
    if why and not tf.config.list_physical_devices("GPU"):
        lines.append(f"the native kernels, which are faster, cannot compute: {why}")
    return lines


def _on_slow_cpu() -> bool:
    """Tells whether bfloat16 is slow here: no GPU, and no instructions for it."""
    return not tf.config.list_physical_devices("GPU") and not has_bfloat16()
