"""Replaces a rectangle of each image: cutout and random erasing.

Every function is pure, as in `augment`.
"""

import tensorflow as tf

from resnet_tf.data.draws import between, first_true, integers
from resnet_tf.data.part import WHOLE, Part

_TRIES = 10
_AREA, _ASPECT = (0.02, 0.4), (0.3, 1 / 0.3)


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
    _, height, width, _ = images.shape
    draws = part.uniform(images, 2, seed)
    rows = _in_square(draws[:, 0], height, size)
    columns = _in_square(draws[:, 1], width, size)
    return paste(images, rows, columns, 0.0)


def random_erasing(
    images: tf.Tensor,
    noise: tf.Tensor,
    probability: float,
    seed: tf.Tensor,
    part: Part = WHOLE,
) -> tf.Tensor:
    """Returns the images, some with a rectangle of noise (Zhong et al. 2017).

    The rectangle's share of the area is uniform from 0.02 to 0.4, and its height /
    width is uniform from 0.3 to 1 / 0.3. Both sides are rounded. The first of ten tries
    that is smaller than the image is used, at a uniformly random position. If none is,
    the image stays unchanged; that is less likely than 10^-12 for square images.

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        noise: float32 tensor (N, H, W, C), the pixels for the rectangles.
        probability: Share of the images that get a rectangle, in [0, 1].
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        float32 tensor (N, H, W, C).

    Reference: https://arxiv.org/abs/1708.04896, algorithm 1, "RE-R".
    """
    _, height, width, _ = images.shape
    draws = part.uniform(images, 2 * _TRIES + 3, seed)
    area, aspect, top, left, chance = tf.split(draws, [_TRIES, _TRIES, 1, 1, 1], axis=1)
    area, aspect = height * width * between(_AREA, area), between(_ASPECT, aspect)
    heights, widths = tf.round(tf.sqrt(area * aspect)), tf.round(tf.sqrt(area / aspect))
    first = first_true((heights < height) & (widths < width))
    erased = (chance < probability) & (first < _TRIES)
    rows = _in_range(heights, first, top, height) & erased
    columns = _in_range(widths, first, left, width)
    return paste(images, rows, columns, noise)


def random_pixels(images: tf.Tensor, seed: tf.Tensor, part: Part = WHOLE) -> tf.Tensor:
    """Returns images of noise: each value is uniform from 0 to 255.

    Args:
        images: Tensor (N, H, W, C), for the shape.
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        uint8 tensor (N, H, W, C).
    """
    _, height, width, channels = images.shape
    draws = part.uniform(images, height * width * channels, seed)
    pixels = tf.cast(integers(draws, 256), tf.uint8)
    return tf.reshape(pixels, (-1, height, width, channels))


def paste(
    images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, other: tf.Tensor | float
) -> tf.Tensor:
    """Returns images with the pixels of `other` in a rectangle.

    Args:
        images: Tensor (N, H, W, C).
        rows: Rows of each rectangle, bool tensor (N, H); (1, H) for all images.
        columns: Columns of each rectangle, bool tensor (N, W) or (1, W).
        other: Tensor of the shape of `images`, or one value for all pixels.
    """
    _, height, width, channels = images.shape
    columns = tf.repeat(columns, channels, axis=1)
    inside = rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    # TensorFlow is faster with long rows than with rows of three channels.
    lines = tf.reshape(images, (-1, height, width * channels))
    if tf.is_tensor(other):
        other = tf.reshape(other, (-1, height, width * channels))
    return tf.reshape(tf.where(inside, other, lines), (-1, height, width, channels))


def _in_square(draws: tf.Tensor, length: int, size: int) -> tf.Tensor:
    """Returns whether each pixel of one axis lies in the square, bool (N, length)."""
    center = integers(draws, length)[:, tf.newaxis]
    distance = tf.range(length) - center + size // 2
    return (distance >= 0) & (distance < size)


def _in_range(
    lengths: tf.Tensor, first: tf.Tensor, draws: tf.Tensor, source: int
) -> tf.Tensor:
    """Returns whether each pixel of one axis lies in the rectangle, bool (N, source).

    Args:
        lengths: Length of the rectangle in each try, float32 (N, tries).
        first: Index of the try to use, int32 (N, 1); any index if none is used.
        draws: Relative position, in [0, 1), (N, 1).
        source: Number of pixels of the image along this axis.
    """
    tries = tf.minimum(first, lengths.shape[1] - 1)
    length = tf.gather(lengths, tries, axis=1, batch_dims=1)
    start = tf.floor(draws * (source - length + 1))
    pixels = tf.range(source, dtype=tf.float32)
    return (pixels >= start) & (pixels < start + length)
