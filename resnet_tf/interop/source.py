"""The result of every importer: a network of ours and the weights for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from resnet_tf.config import ExperimentConfig


class Published(NamedTuple):
    """An error that the authors state.

    Attributes:
        error: In percent.
        where: The images that it is of, and where it is stated.
    """

    error: float
    where: str


@dataclass(frozen=True)
class Source:
    """A file of weights, recognised.

    Attributes:
        files: The files that were read; the first is the one that was named.
        family: The project and the network, such as
            "akamaster/pytorch_resnet_cifar10 ResNet-20".
        url: Where the project is.
        config: The network, and how it wants its images.
        assign: Gives a new model of `config.model` every tensor of the file;
            returns how many it were, or raises `CheckpointError` and leaves the
            model as it was.
        pytorch: What PyTorch makes of normalised images (N, side, side, 3), the
            logits; it raises `ImportError` where PyTorch is not installed.
        published: What the authors state of this network.
        notes: Sentences for the card on what is particular.
        averages: Whether the file has the moving averages of batch norm; without
            them the config says bn_eval=batch.
        averaged_images: Training images that they were computed from here.
    """

    files: tuple[Path, ...]
    family: str
    url: str
    config: ExperimentConfig
    assign: Callable[[keras.Model], int]
    pytorch: Callable[[np.ndarray], np.ndarray] | None = None
    published: Published | None = None
    notes: tuple[str, ...] = ()
    averages: bool = True
    averaged_images: int | None = None
