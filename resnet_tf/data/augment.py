"""Augmentation and normalization of whole batches, in the graph.

Every function is pure: the same images and stateless seed give the same batch, on any
device and after any restart.
"""

from typing import Literal

import numpy as np
import tensorflow as tf

from resnet_tf.data.part import WHOLE, Part


def random_window(
    images: tf.Tensor,
    padding: int,
    flip: bool,
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
        flip: Whether half of the windows are mirrored.
        seed: int tensor (2,), the stateless seed.
        offsets: "asymmetric" leaves out the last row and the last column of
            windows, as `randint(0, 2 * padding)` does in the TF1 original.
        part: The part of the update to which the images belong.

    Returns:
        Tensor of the shape and dtype of `images`.
    """
    batch = tf.shape(images)[0]
    _, height, width, channels = images.shape
    top, left, side = tf.unstack(part.uniform(images, 3, seed), axis=1)
    places = 2 * padding + (offsets == "symmetric")
    columns = tf.range(width)
    if flip:
        mirrored = side[:, tf.newaxis] < 0.5
        columns = tf.where(mirrored, columns[::-1], columns)
    rows = tf.range(height) + _offset(top, places)
    columns = columns + _offset(left, places)

    sides = [padding, padding]
    padded = tf.pad(images, [[0, 0], sides, sides, [0, 0]])
    row_length = width + 2 * padding
    pixels = tf.reshape(padded, (batch, (height + 2 * padding) * row_length, channels))
    chosen = rows[:, :, tf.newaxis] * row_length + columns[:, tf.newaxis, :]
    return tf.gather(pixels, chosen, batch_dims=1)


def _offset(draws: tf.Tensor, places: int) -> tf.Tensor:
    """Returns draws from [0, 1) as integers from 0 to places - 1, (N, 1)."""
    return tf.cast(draws * places, tf.int32)[:, tf.newaxis]


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


def cutout(
    images: tf.Tensor, size: int, seed: tf.Tensor, part: Part = WHOLE
) -> tf.Tensor:
    """Returns each image with a square of zeros (DeVries and Taylor 2017).

    The center of the square, `size // 2` pixels from its top and left, is uniform over
    all pixels of the image. The square is clipped at the border of the image.

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        size: Side of the square, at least 1.
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        float32 tensor (N, H, W, C).
    """
    _, height, width, channels = images.shape
    draws = part.uniform(images, 2, seed)
    rows = _in_square(draws[:, 0], height, size)
    columns = _in_square(draws[:, 1], width, size)
    columns = tf.repeat(columns, channels, axis=1)
    square = rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    # Long rows are faster, as in `standardize`.
    lines = tf.reshape(images, (-1, height, width * channels))
    return tf.reshape(tf.where(square, 0.0, lines), (-1, height, width, channels))


def _in_square(draws: tf.Tensor, length: int, size: int) -> tf.Tensor:
    """Returns whether each pixel of one axis lies in the square, bool (N, length)."""
    distance = tf.range(length) - _offset(draws, length) + size // 2
    return (distance >= 0) & (distance < size)


def mixup(
    images: tf.Tensor,
    labels: tf.Tensor,
    num_classes: int,
    alpha: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a batch mixed with a permutation of itself (Zhang et al. 2017).

    Image and target become share * own + (1 - share) * partner's, with one share
    from Beta(alpha, alpha) for the whole batch, as in the authors' code.

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        labels: int32 tensor (N,).
        num_classes: Length of a target.
        alpha: Parameter of the Beta distribution, above 0.
        seed: int tensor (2,), the stateless seed.

    Returns:
        (images float32 (N, H, W, C), targets float32 (N, num_classes)).
    """
    share_seed, order_seed = tf.unstack(tf.random.split(seed))
    share = _beta(alpha, share_seed)
    order = tf.random.experimental.stateless_shuffle(
        tf.range(tf.shape(images)[0]), order_seed
    )
    targets = tf.one_hot(labels, num_classes)
    return tuple(
        share * own + (1 - share) * tf.gather(own, order) for own in (images, targets)
    )


def _beta(alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Returns a float32 scalar from Beta(alpha, alpha).

    It is G / (G + G') for two draws from Gamma(alpha). The code draws their logarithms,
    as G would underflow to 0 for a small alpha: G = Gamma(alpha + 1) * U^(1 / alpha).
    """
    gamma_seed, power_seed = tf.unstack(tf.random.split(seed))
    gamma = tf.random.stateless_gamma((2,), gamma_seed, alpha + 1.0)
    power = 1 - tf.random.stateless_uniform((2,), power_seed)
    logs = tf.math.log(gamma) + tf.math.log(power) / alpha
    return tf.sigmoid(logs[0] - logs[1])
