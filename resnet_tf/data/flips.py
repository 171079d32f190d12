"""Alternating flip: each image is mirrored in every other epoch."""

from collections.abc import Callable

import tensorflow as tf

Flips = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def alternating(num_images: int, seed: tf.Tensor) -> Flips:
    """Returns a function that says which images are mirrored.

    A random half of the images is mirrored in the first epoch. From then on, an image
    is mirrored exactly if it was not mirrored in the epoch before. So two epochs in
    succession show every image from both sides, where independent flips show half of
    the images twice from one side.

    Args:
        num_images: Number of training images.
        seed: int tensor (2,), the stateless seed.

    Returns:
        Function from the indices of images, int tensor (N,), and the epoch, from 0, of
        all or of each of them, int64 tensor () or (N,), to a bool tensor (N,).

    Reference: Jordan 2024, https://arxiv.org/abs/2404.00498, section 3.6.
    """
    with tf.device("CPU"):
        first = tf.random.stateless_uniform((num_images,), seed) < 0.5

    def mirrored(indices: tf.Tensor, epochs: tf.Tensor) -> tf.Tensor:
        odd = tf.cast(epochs, tf.int64) % 2 == 1
        return tf.gather(first, indices) != odd

    return mirrored
