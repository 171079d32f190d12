"""What a source hands over: the images of one split, in memory."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Split:
    """The images and labels of one split, in their official order.

    Attributes:
        name: "train", "validation" or "test".
        images: uint8 array (N, side, side, 3), RGB, 0 to 255.
        labels: int32 array (N,), from 0 to len(class_names) - 1.
        class_names: One name a label.
    """

    name: SplitName
    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, name: SplitName, start: int, stop: int) -> "Split":
        """Returns the images from index `start` to `stop` as a split `name`."""
        return Split(
            name, self.images[start:stop], self.labels[start:stop], self.class_names
        )
