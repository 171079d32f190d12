"""The arithmetic of a training, in multiply-adds, computed without building anything.

Every figure counts the convolutions and the dense layer in the forward pass, as `audit`
does. The backward pass of a trained network costs twice as much, so the forward pass
compares trainings. A setting that changes the arithmetic of an update changes
`run_macs`, and with it everything that compares trainings.
"""

from __future__ import annotations

import math
import re

from resnet_tf.config.experiment import ExperimentConfig
from resnet_tf.config.model import ModelConfig, shaped_layers
from resnet_tf.config.networks import FAMILIES, PUBLISHED_CLASSES
from resnet_tf.config.size import sized

_STAGE = re.compile(r"(?:stage|transition)(\d+)")


def run_macs(config: ExperimentConfig) -> int:
    """Returns the multiply-adds of all training images of a whole run."""
    images = config.train.train_steps * config.train.train_batch_size
    return images * image_macs(config.model, config.data.image_size)


def image_macs(model: ModelConfig, side: int) -> int:
    """Returns the multiply-adds of a network for one image.

    Args:
        model: The network.
        side: Height and width of the image: the network's own, or a larger multiple of
            16.
    """
    layers = shaped_layers(model)
    if layers is None:
        row = FAMILIES[model.model]
        body = row.published.macs - row.features * PUBLISHED_CLASSES
        # Every map grows with the image, and none is cut off.
        return body * side**2 // row.side**2 + row.features * model.num_classes
    _, features = sized(layers)
    return features * model.num_classes + sum(
        math.prod(shape) * _side(name, side) ** 2
        for name, shapes in shaped_layers(model) or ()
        for shape in shapes.values()
        if len(shape) == 4
    )


def _side(layer: str, side: int) -> int:
    """Returns the side of a convolution's output, which halves from stage to stage."""
    stage = _STAGE.match(layer)
    return side >> (int(stage[1]) - 1 if stage else 0)
