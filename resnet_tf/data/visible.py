"""Conversion of normalized images back to pixels."""

import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig


def visible(images: tf.Tensor, config: DataConfig) -> np.ndarray:
    """Returns normalized images as uint8 pixels (N, H, W, 3).

    Whitened images get a mean of 128 and a deviation of 64.

    Args:
        images: float32 tensor (N, H, W, 3), from the pipeline.
        config: The normalization of the images.
    """
    if config.normalization == "mean_std":
        mean, std = config.channel_mean, config.channel_std
        images = 255 * (images * tf.constant(std) + tf.constant(mean))
    else:
        images = 128 + 64 * images
    pixels = tf.clip_by_value(tf.round(images), 0, 255)
    return tf.cast(pixels, tf.uint8).numpy()
