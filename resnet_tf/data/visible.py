"""Images as the network sees them, brought back to pixels."""

import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig


def visible(images: tf.Tensor, config: DataConfig) -> np.ndarray:
    """Returns normalised images (N, H, W, 3) as uint8; whitened ones with a mean of
    128 and a deviation of 64.

    Args:
        images: float32, as the pipeline gives them.
        config: How they were normalised.
    """
    if config.normalization == "mean_std":
        mean, std = config.channel_mean, config.channel_std
        images = 255 * (images * tf.constant(std) + tf.constant(mean))
    else:
        images = 128 + 64 * images
    pixels = tf.clip_by_value(tf.round(images), 0, 255)
    return tf.cast(pixels, tf.uint8).numpy()
