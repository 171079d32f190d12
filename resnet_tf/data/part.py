"""The part of each update's images that a process prepares."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Part:
    """One of the equal parts into which the images of an update are divided.

    Random numbers of an image do not depend on the division: they are drawn for all
    images, and each part takes its own.

    Attributes:
        index: Index of the part, from 0.
        count: Number of parts of an update.
    """

    index: int = 0
    count: int = 1

    def of(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the rows (N / count, ...) of this part, from all rows (N, ...)."""
        if self.count == 1:
            return values
        size = values.shape[0] // self.count
        return values[self.index * size : (self.index + 1) * size]

    def uniform(self, images: tf.Tensor, numbers: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns random numbers in [0, 1) for each image, float32 (N, numbers).

        Args:
            images: Images of this part, tensor (N, ...).
            numbers: Count of numbers for each image.
            seed: int tensor (2,), the stateless seed.
        """
        rows = tf.shape(images)[0]
        draws = tf.random.stateless_uniform((self.count * rows, numbers), seed)
        return draws[self.index * rows : (self.index + 1) * rows]


WHOLE = Part()
