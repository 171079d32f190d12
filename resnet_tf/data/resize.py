"""Resizing of whole images, or of a random part of each image.

Both are bilinear with half-pixel centers, with a wider filter when they shrink (the
antialiasing of Pillow), and return uint8. All functions are pure, as in `augment`.
"""

import math

import tensorflow as tf

from resnet_tf.data.augment import flipped
from resnet_tf.data.draws import between, first_true
from resnet_tf.data.part import WHOLE, Part

_TRIES = 10


def resize_and_crop(images: tf.Tensor, side: int, size: int) -> tf.Tensor:
    """Returns the center of the images, resized first if necessary.

    Args:
        images: uint8 or float32 tensor (N, H, W, C), H and W known.
        side: Height and width to resize to.
        size: Height and width of the center crop, at most `side`.

    Returns:
        Tensor (N, size, size, C) of the dtype of `images`.
    """
    whole = tf.as_dtype(images.dtype) == tf.uint8
    _, height, width, _ = images.shape
    resized = (height, width) != (side, side)
    if resized:
        shrinks = max(height, width) > side
        images = tf.image.resize(images, (side, side), antialias=shrinks)
    if size < side:
        start = (side - size) // 2
        images = images[:, start : start + size, start : start + size]
    return _rounded(images) if resized and whole else images


def random_resized_crop(
    images: tf.Tensor,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    flip: bool | tf.Tensor,
    seed: tf.Tensor,
    part: Part = WHOLE,
) -> tf.Tensor:
    """Returns a random part of each image, resized to `size` and possibly mirrored.

    This is the rule of torchvision's `RandomResizedCrop` (Szegedy et al. 2015, section
    6). The part's share of the area is uniform in `scale`. The logarithm of its width /
    height is uniform between the logarithms of `ratio`. Both sides are rounded. The
    first of ten tries that fits into the image is used, at a uniformly random position.
    If none fits, the largest central part with a width / height in `ratio` is used.

    Args:
        images: uint8 tensor (N, H, W, C), H and W known.
        size: Height and width of the result.
        scale: Smallest and largest share of the area, in (0, 1].
        ratio: Smallest and largest width / height, above 0.
        flip: Whether half of the results are mirrored left to right, or which ones,
            bool tensor (N,).
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        uint8 tensor (N, size, size, C).
    """
    _, height, width, _ = images.shape
    draws = part.uniform(images, 2 * _TRIES + 3, seed)
    area, aspect, top, left, side = tf.split(draws, [_TRIES, _TRIES, 1, 1, 1], axis=1)
    area = height * width * between(scale, area)
    aspect = tf.exp(between([math.log(limit) for limit in ratio], aspect))
    heights, widths = tf.round(tf.sqrt(area / aspect)), tf.round(tf.sqrt(area * aspect))
    fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
    first = first_true(fits)

    central_height, central_width = _central_part(height, width, ratio)
    tall, top = _part(heights, central_height, first, top, height)
    wide, left = _part(widths, central_width, first, left, width)
    places = (tf.range(size, dtype=tf.float32) + 0.5) / size
    columns = flipped(places, flip, side)
    pixels = tf.cast(images, tf.float32)
    pixels = _resize_rows(pixels, _resizing(tall, top, height, places))
    pixels = _resize_rows(pixels, _resizing(wide, left, width, columns))
    return _rounded(pixels)


def _central_part(height: int, width: int, ratio: tuple[float, float]):
    """Returns (height, width) of the largest part with a width / height in `ratio`.

    Both are at least one pixel.
    """
    if width < ratio[0] * height:
        return max(1, round(width / ratio[0])), width
    if width > ratio[1] * height:
        return height, max(1, round(height * ratio[1]))
    return height, width


def _part(lengths, central: int, first, draws, source: int):
    """Returns the length and the start of the part along one axis, each (N, 1).

    Args:
        lengths: Length of the part in each try, float32 (N, 10).
        central: Length of the part if no try fits.
        first: Index of the first try that fits, int32 (N, 1); 10 if none fits.
        draws: Relative position of the part, in [0, 1), (N, 1).
        source: Number of pixels of the image along this axis.
    """
    lengths = tf.pad(lengths, [[0, 0], [0, 1]], constant_values=float(central))
    length = tf.gather(lengths, first, axis=1, batch_dims=1)
    spare = source - length
    start = tf.where(first == _TRIES, spare / 2, draws * (spare + 1))
    return length, tf.floor(start)


def _resizing(length, start, source: int, places: tf.Tensor) -> tf.Tensor:
    """Returns the matrices (N, size, source) that resize a part of one axis.

    A row holds the share of each source pixel in one pixel of the result. The share
    falls linearly with the distance of the centers and is 0 outside the part.

    Args:
        length: Number of pixels of the part, (N, 1).
        start: Index of the part's first pixel, (N, 1).
        source: Number of pixels of the image along this axis.
        places: Centers of the result's pixels relative to the part, in (0, 1), (N,
            size).
    """
    pixels = tf.range(source, dtype=tf.float32) + 0.5
    inside = (pixels > start) & (pixels < start + length)
    pixels = tf.where(inside, pixels, math.inf)[:, tf.newaxis, :]
    centres = (start + places * length)[:, :, tf.newaxis]
    reach = tf.maximum(length / places.shape[-1], 1.0)[:, :, tf.newaxis]
    shares = tf.nn.relu(reach - tf.abs(centres - pixels))
    return shares / tf.reduce_sum(shares, axis=2, keepdims=True)


def _resize_rows(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Returns images (N, H, W, C) times matrices (N, size, H), as (N, W, size, C)."""
    _, height, width, channels = images.shape
    lines = matrices @ tf.reshape(images, (-1, height, width * channels))
    size = matrices.shape[1]
    return tf.transpose(tf.reshape(lines, (-1, size, width, channels)), (0, 2, 1, 3))


def _rounded(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.round(images), tf.uint8)
