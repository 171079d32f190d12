"""Which of the images of each update a process prepares."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Part:
    """One of the equal parts that the images of an update are cut into.

    What is drawn for an image does not depend on the cut: the numbers are drawn for
    all images, and the part's own are taken.

    Attributes:
        index: Number of the part, from 0.
        count: Parts of an update.
    """

    index: int = 0
    count: int = 1

    def of(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the part's rows (N / count, ...) of those of all images (N, ...)."""
        if self.count == 1:
            return values
        size = values.shape[0] // self.count
        return values[self.index * size : (self.index + 1) * size]

    def uniform(self, images: tf.Tensor, numbers: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns numbers from [0, 1) for each image, float32 (N, numbers).

        Args:
            images: Tensor (N, ...), those of the part.
            numbers: How many an image needs.
            seed: int tensor (2,), the stateless seed.
        """
        rows = tf.shape(images)[0]
        draws = tf.random.stateless_uniform((self.count * rows, numbers), seed)
        return draws[self.index * rows : (self.index + 1) * rows]


WHOLE = Part()
