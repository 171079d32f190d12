"""The transforms of TrivialAugment and RandAugment, on batches of images.

They follow torchvision on Pillow images, with the nearest pixel and black outside the
image, and give the same pixels as Pillow. Each takes uint8 images (N, H, W, C) and one
parameter, or one row of parameters, for each image. Each returns uint8 images (N, H, W,
C). `color` and `contrast` are for RGB images.
"""

import math

import numpy as np
import tensorflow as tf

_ONE = 2**16  # 1 as a number with 16 binary places
_LUMA = np.array([19595, 38470, 7471], np.int32)  # ITU-R 601 in units of 1 / _ONE
_VALUES = 256


def affine(a: float, b: float, c: float, d: float, e: float, f: float) -> list[int]:
    """Returns the row of `move` for an affine map.

    The pixel at (x, y) of the result is the pixel at (ax + by + c, dx + ey + f) of the
    image; the center of the first pixel is (1/2, 1/2).
    """
    numbers = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    return [math.floor(number * _ONE + 0.5) for number in numbers]


def rotation(degrees: float, height: int, width: int) -> list[int]:
    """Returns the row of `move` that rotates around the center, counterclockwise."""
    angle = math.radians(degrees % 360)
    cosine, sine = round(math.cos(angle), 15), round(math.sin(angle), 15)
    x, y = width / 2, height / 2
    right, down = x - cosine * x + sine * y, y - sine * x - cosine * y
    return affine(cosine, -sine, right, sine, cosine, down)


def move(images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Moves the pixels by the map of each image, int32 tensor (N, 6) from `affine`."""
    _, height, width, channels = images.shape
    a, b, c, d, e, f = tf.unstack(maps[:, :, tf.newaxis, tf.newaxis], axis=1)
    x, y = tf.range(width), tf.range(height)[:, tf.newaxis]
    columns = tf.bitwise.right_shift(a * x + b * y + c, 16)
    rows = tf.bitwise.right_shift(d * x + e * y + f, 16)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    pixels = tf.reshape(images, (-1, height * width, channels))
    # The last pixel is black.
    pixels = tf.pad(pixels, [[0, 0], [0, 1], [0, 0]])
    chosen = tf.where(inside, rows * width + columns, height * width)
    return tf.gather(pixels, chosen, batch_dims=1)


def brightness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends with black: 0 gives black, 1 the image, 2 twice the values."""
    return _blend(tf.zeros_like(images), images, factors)


def color(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends with the gray image: 0 gives gray, 1 the image, 2 stronger colors."""
    return _blend(_gray(images), images, factors)


def contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends with the mean of the gray image, rounded."""
    _, height, width, _ = images.shape
    total = tf.reduce_sum(_gray(images), axis=(1, 2, 3), keepdims=True)
    return _blend(_divided(total, height * width), images, factors)


def sharpness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Blends with a smooth image: 0 gives the smooth image, 2 sharper edges.

    A smooth pixel is the mean of 3x3 pixels, where the center counts five times. The
    pixels at the border stay.
    """
    _, height, width, _ = images.shape
    pixels = tf.cast(images, tf.int32)
    rows = pixels[:, :-2] + pixels[:, 1:-1] + pixels[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    smooth = _divided(sums + 4 * pixels[:, 1:-1, 1:-1], 13)
    smooth = tf.pad(smooth, [[0, 0], [1, 1], [1, 1], [0, 0]])
    inner = np.pad(np.ones((height - 2, width - 2, 1), bool), [(1, 1), (1, 1), (0, 0)])
    return _blend(tf.where(inner, smooth, pixels), images, factors)


def posterize(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
    """Keeps the bits of each value that are set in the mask, uint8 tensor (N,)."""
    return tf.bitwise.bitwise_and(images, _for_pixels(masks))


def solarize(images: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """Inverts the values from the threshold on, float32 tensor (N,)."""
    dark = tf.cast(images, tf.float32) < _for_pixels(thresholds)
    return tf.where(dark, images, tf.bitwise.invert(images))


def autocontrast(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to values from 0 to 255; a uniform channel stays."""
    lowest = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    span = tf.reduce_max(images, axis=(1, 2), keepdims=True) - lowest
    # Pillow computes with these float64 operations, then drops the fraction.
    scale = 255 / tf.cast(tf.maximum(span, 1), tf.float64)
    offset = -tf.cast(lowest, tf.float64) * scale
    stretched = tf.cast(images, tf.float64) * scale + offset
    return tf.where(span > 0, _pixels(stretched), images)


def equalize(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Makes all values of each channel about equally frequent.

    A channel stays if it is uniform, or has fewer than 255 pixels below its largest
    value.
    """
    _, height, width, channels = images.shape
    planes = tf.cast(tf.transpose(images, (0, 3, 1, 2)), tf.int32)
    planes = tf.reshape(planes, (-1, height * width))
    counts = tf.math.bincount(planes, minlength=_VALUES, maxlength=_VALUES, axis=-1)
    largest = tf.reduce_max(planes, axis=1, keepdims=True)
    below = height * width - tf.gather(counts, largest, axis=1, batch_dims=1)
    step = below // (_VALUES - 1)
    darker = tf.cumsum(counts, axis=1, exclusive=True)
    table = (step // 2 + darker) // tf.maximum(step, 1)
    equal = tf.gather(tf.minimum(table, _VALUES - 1), planes, axis=1, batch_dims=1)
    planes = tf.reshape(
        tf.where(step > 0, equal, planes), (-1, channels, height, width)
    )
    return tf.cast(tf.transpose(planes, (0, 2, 3, 1)), tf.uint8)


def identity(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Returns the images."""
    return images


def _gray(images: tf.Tensor) -> tf.Tensor:
    """Returns the gray value of each pixel, int32 (N, H, W, 1)."""
    weighted = tf.cast(images, tf.int32) * _LUMA
    return _divided(tf.reduce_sum(weighted, axis=-1, keepdims=True), _ONE)


def _divided(values: tf.Tensor, number: int) -> tf.Tensor:
    """Returns int32 values divided by a number and rounded, halves up."""
    return (2 * values + number) // (2 * number)


def _blend(low: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Returns low + factor * (images - low), without the fraction.

    Args:
        low: Image for a factor of 0, tensor that broadcasts to `images`.
        images: uint8 tensor (N, H, W, C), for a factor of 1.
        factors: float32 tensor (N,), at least 0.
    """
    low, high = tf.cast(low, tf.float32), tf.cast(images, tf.float32)
    return _pixels(low + _for_pixels(factors) * (high - low))


def _pixels(values: tf.Tensor) -> tf.Tensor:
    """Returns values limited to 0 to 255, without their fraction, as uint8."""
    limits = [tf.constant(limit, values.dtype) for limit in (0, 255)]
    return tf.cast(tf.clip_by_value(values, *limits), tf.uint8)


def _for_pixels(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(values, (-1, 1, 1, 1))
