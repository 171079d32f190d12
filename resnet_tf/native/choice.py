"""The rule that says where the native kernels compute."""

import tensorflow as tf

from resnet_tf.native.library import are_computing


def convolves(x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int]) -> bool:
    """Returns whether the native kernels compute a convolution.

    Args:
        x: Its input (N, H, W, C).
        kernel: Shape (height, width, C, filters).
        strides: Its steps.
    """
    size, strides = tuple(kernel.shape[:2]), tuple(strides)
    fits = size in ((1, 1), (3, 3)) and strides in ((1, 1), (2, 2))
    return fits and x.dtype == tf.float32 and are_computing()


def normalizes(x: tf.Tensor) -> bool:
    """Returns whether the native kernels compute a batch norm in training.

    Args:
        x: Its input (N, H, W, C).
    """
    return x.dtype == tf.float32 and are_computing()
