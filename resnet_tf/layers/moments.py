"""The moments of a tensor, which the native kernels sum as they write it."""

import tensorflow as tf

from resnet_tf import native

# Keras passes only tensors from layer to layer, so an attribute holds the moments.
_ATTRIBUTE = "_resnet_tf_moments"


def keep_moments(x: tf.Tensor, moments: native.Moments) -> None:
    """Attaches the moments of x to x, for the batch norm that reads it."""
    setattr(x, _ATTRIBUTE, moments)


def moments_of(x: tf.Tensor) -> native.Moments | None:
    """Returns the moments of each channel of x, or None if they are unknown."""
    return getattr(x, _ATTRIBUTE, None)
