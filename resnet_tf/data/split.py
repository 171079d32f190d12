"""The interface of a data source, and the splits that it loads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from resnet_tf.config import DATASETS, DataConfig, DatasetInfo
from resnet_tf.data.cache import Arrays

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Split:
    """The images and labels of one split, in their official order.

    Attributes:
        name: "train", "validation" or "test".
        images: uint8 array (N, side, side, 3), RGB, 0 to 255.
        labels: int32 array (N,), from 0 to len(class_names) - 1.
        class_names: One name per label.
    """

    name: SplitName
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, name: SplitName, start: int, stop: int) -> "Split":
        """Returns the images from index `start` to `stop` as a split called `name`."""
        return Split(
            name, self.images[start:stop], self.labels[start:stop], self.class_names
        )


class DataSource:
    """The images of a data set on this machine.

    `resnet_tf.config.DATASETS` names the source of each data set. An object is used for
    one load, so it can keep the list of files that it found. The argument `test`
    selects the test images, else all other images, with the validation images last.
    Every method raises a `DataError` if a file is missing or damaged.

    Args:
        config: The data set, its location, and the size of the validation split.

    Attributes:
        is_cached: Whether decoded images are kept on disk for the next start.
    """

    is_cached = True

    def __init__(self, config: DataConfig):
        self.config = config

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per label, in the order of the labels."""
        return DATASETS[self.config.dataset].class_names

    def info(self) -> DatasetInfo:
        """Returns the facts that the settings need."""
        return DATASETS[self.config.dataset].info

    def ensure_available(self) -> None:
        """Raises within seconds if the images are missing and cannot be downloaded."""

    def official(self, test: bool) -> int | None:
        """Returns the number of images that the authors published, None if unknown."""
        return None

    def notes(self) -> Iterable[str]:
        """Returns notes on the files for the user, one line each."""
        return ()

    def identity(self, test: bool) -> str:
        """Returns a text that changes whenever the files do."""
        raise NotImplementedError

    def decode(self, test: bool) -> Arrays:
        """Returns images uint8 (N, side, side, 3), RGB, and labels int32 (N,)."""
        raise NotImplementedError
