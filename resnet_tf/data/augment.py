"""Augmentation and normalisation of whole batches, in the graph.

Every function is pure: the same images and the same stateless seed give the
same batch, on any device and after any restart.
"""

import numpy as np
import tensorflow as tf


def random_window(
    images: tf.Tensor, padding: int, flip: bool, seed: tf.Tensor
) -> tf.Tensor:
    """Returns each image shifted by up to `padding` pixels, and maybe mirrored.

    The image is padded with zeros on each side and a window of its old size is
    cut out; all (2 * padding + 1)^2 windows are equally likely, and each is
    mirrored left to right with probability 1/2 if `flip` (He et al. 2015,
    section 4.2). Crop and flip are one gather: both only choose pixels.

    Args:
        images: Tensor (N, H, W, C) of any dtype.
        padding: Zeros on each side, at least 0.
        flip: Whether half of the windows are mirrored.
        seed: int tensor (2,), the stateless seed.

    Returns:
        Tensor of the shape and dtype of `images`.
    """
    batch = tf.shape(images)[0]
    _, height, width, channels = images.shape
    draws = tf.random.stateless_uniform((batch, 3), seed)
    top, left, side = tf.unstack(draws, axis=1)
    columns = tf.range(width)
    if flip:
        mirrored = side[:, tf.newaxis] < 0.5
        columns = tf.where(mirrored, columns[::-1], columns)
    rows = tf.range(height) + _offset(top, padding)
    columns = columns + _offset(left, padding)

    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    row_length = width + 2 * padding
    pixels = tf.reshape(padded, (batch, (height + 2 * padding) * row_length, channels))
    chosen = rows[:, :, tf.newaxis] * row_length + columns[:, tf.newaxis, :]
    return tf.gather(pixels, chosen, batch_dims=1)


def _offset(draws: tf.Tensor, padding: int) -> tf.Tensor:
    """Returns draws from [0, 1) as whole numbers from 0 to 2 * padding, (N, 1)."""
    offsets = tf.cast(draws * (2 * padding + 1), tf.int32)
    return offsets[:, tf.newaxis]


def whiten(images: tf.Tensor) -> tf.Tensor:
    """Returns each image with mean 0 and deviation 1 over all its values.

    The deviation is at least 1/sqrt(H * W * C) on the scale of 0 to 255, as in
    `tf.image.per_image_standardization`.

    Args:
        images: uint8 tensor (N, H, W, C).

    Returns:
        float32 tensor (N, H, W, C).
    """
    return tf.image.per_image_standardization(tf.cast(images, tf.float32))


def standardize(
    images: tf.Tensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> tf.Tensor:
    """Returns (images / 255 - mean) / std, a number a channel.

    Args:
        images: uint8 tensor (N, H, W, C).
        mean: C means on the scale of 0 to 1.
        std: C deviations on the scale of 0 to 1.

    Returns:
        float32 tensor (N, H, W, C).
    """
    _, height, width, channels = images.shape
    mean, std = np.asarray(mean), np.asarray(std)
    # One long row an image: TensorFlow multiplies it several times faster than
    # rows of three channels.
    scale = np.tile(1 / (255 * std), height * width).astype(np.float32)
    offset = np.tile(-mean / std, height * width).astype(np.float32)
    rows = tf.reshape(images, (-1, height * width * channels))
    rows = tf.cast(rows, tf.float32) * scale + offset
    return tf.reshape(rows, (-1, height, width, channels))
