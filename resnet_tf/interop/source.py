"""The result of an importer: a network of this package and its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from resnet_tf.config import ExperimentConfig


class Published(NamedTuple):
    """An error that the authors published.

    Attributes:
        error: Test error in percent.
        where: The test images, and where the error was published.
    """

    error: float
    where: str


@dataclass(frozen=True)
class Source:
    """Weights of a network that an importer has recognized.

    Attributes:
        files: Files that were read; the first is the path that the user gave.
        family: Project and network, e.g. "akamaster/pytorch_resnet_cifar10 ResNet-20".
        url: Address of the project.
        config: Config of the network and its preprocessing.
        assign: Function that assigns every tensor of the file to a new model of
            `config.model`. It returns the number of tensors, or raises
            `CheckpointError` and leaves the model unchanged.
        pytorch: Function that returns PyTorch's logits for normalized images
            (N, side, side, 3); it raises `ImportError` if PyTorch is not installed.
        published: Error that the authors published for this network, if any.
        notes: Sentences for the card.
        averages: Whether the file has the moving averages of batch norm; if not,
            the config has bn_eval=batch.
        averaged_images: Number of training images that the import computed the
            moving averages from; None if it computed none.
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
