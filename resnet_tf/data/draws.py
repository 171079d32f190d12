"""Turns uniform random numbers into the numbers that augmentation needs."""

import tensorflow as tf


def between(limits: tuple[float, float], draws: tf.Tensor) -> tf.Tensor:
    """Returns draws from [0, 1) mapped linearly to the range between two limits."""
    low, high = limits
    return low + draws * (high - low)


def integers(draws: tf.Tensor, places: int) -> tf.Tensor:
    """Returns draws from [0, 1) as int32 numbers from 0 to places - 1."""
    return tf.cast(draws * places, tf.int32)


def first_true(fits: tf.Tensor) -> tf.Tensor:
    """Returns the index of the first true value of each row, int32 (N, 1).

    Args:
        fits: bool tensor (N, tries), tries known.

    Returns:
        Indices from 0 to tries; the number of tries if no value is true.
    """
    tries = fits.shape[1]
    places = tf.where(fits, tf.range(tries), tries)
    return tf.reduce_min(places, axis=1, keepdims=True)
