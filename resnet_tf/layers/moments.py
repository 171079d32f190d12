"""The moments of a tensor that native kernels have summed while they wrote it."""

import tensorflow as tf

from resnet_tf import native

# Keras hands nothing but tensors from layer to layer, so they are an attribute.
_ATTRIBUTE = "_resnet_tf_moments"


def keep_moments(x: tf.Tensor, moments: native.Moments) -> None:
    """Keeps the moments of x for the batch norm that reads it."""
    setattr(x, _ATTRIBUTE, moments)


def moments_of(x: tf.Tensor) -> native.Moments | None:
    """Returns the moments of x over all but the channels if they are known."""
    return getattr(x, _ATTRIBUTE, None)
