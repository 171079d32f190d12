"""Crops, mirrors and normalizes whole batches, in the graph.

Every function is pure: the same images and stateless seed give the same batch, on any
device and after any restart.
"""

from typing import Literal

import numpy as np
import tensorflow as tf

from resnet_tf.data.draws import integers
from resnet_tf.data.part import WHOLE, Part


def random_window(
    images: tf.Tensor,
    padding: int,
    flip: bool | tf.Tensor,
    seed: tf.Tensor,
    offsets: Literal["symmetric", "asymmetric"] = "symmetric",
    part: Part = WHOLE,
) -> tf.Tensor:
    """Returns each image shifted by up to `padding` pixels, and possibly mirrored.

    The image is padded with zeros on each side, and a window of the original size is
    cut out. All (2 * padding + 1)^2 windows are equally likely. With `flip`, each is
    mirrored left to right with probability 1/2 (He et al. 2015, section 4.2). Crop and
    flip are one gather, as both only select pixels.

    Args:
        images: Tensor (N, H, W, C) of any dtype.
        padding: Number of zeros on each side, at least 0.
        flip: Whether half of the windows are mirrored, or which ones, bool tensor (N,).
        seed: int tensor (2,), the stateless seed.
        offsets: "asymmetric" leaves out the last row and the last column of
            windows, as `randint(0, 2 * padding)` does in the TF1 original.
        part: The part of the update to which the images belong.

    Returns:
        Tensor of the shape and dtype of `images`.
    """
    batch = tf.shape(images)[0]
    _, height, width, channels = images.shape
    top, left, side = tf.split(part.uniform(images, 3, seed), 3, axis=1)
    places = 2 * padding + (offsets == "symmetric")
    rows = tf.range(height) + integers(top, places)
    columns = flipped(tf.range(width), flip, side) + integers(left, places)

    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    row_length = width + 2 * padding
    pixels = tf.reshape(padded, (batch, (height + 2 * padding) * row_length, channels))
    chosen = rows[:, :, tf.newaxis] * row_length + columns[:, tf.newaxis, :]
    return tf.gather(pixels, chosen, batch_dims=1)


def flipped(columns: tf.Tensor, flip: bool | tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Returns the columns of each image, in reverse order for mirrored images.

    Args:
        columns: Tensor (W,), from left to right.
        flip: See `random_window`.
        draws: float32 tensor (N, 1) in [0, 1); below 1/2 mirrors, if `flip` is True.

    Returns:
        Tensor (N, W), or (W,) if no image is mirrored.
    """
    if flip is False:
        return columns
    mirrored = draws < 0.5 if flip is True else flip[:, tf.newaxis]
    return tf.where(mirrored, columns[::-1], columns)


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
    """Returns (images / 255 - mean) / std, per channel.

    Args:
        images: uint8 tensor (N, H, W, C).
        mean: C means, in [0, 1].
        std: C standard deviations, in (0, 1].

    Returns:
        float32 tensor (N, H, W, C).
    """
    _, height, width, channels = images.shape
    mean, std = np.asarray(mean), np.asarray(std)
    # TensorFlow multiplies one long row per image several times faster than rows of
    # three channels.
    scale = np.tile(1 / (255 * std), height * width).astype(np.float32)
    offset = np.tile(-mean / std, height * width).astype(np.float32)
    rows = tf.reshape(images, (-1, height * width * channels))
    rows = tf.cast(rows, tf.float32) * scale + offset
    return tf.reshape(rows, (-1, height, width, channels))
