"""The rule that says where the native kernels compute."""

import tensorflow as tf

from resnet_tf.native.library import are_computing, instructions

# With AVX-512, TensorFlow's 1x1 convolutions of more channels are faster.
_AVX512_CHANNELS = 96


def convolves(x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int]) -> bool:
    """Returns whether the native kernels compute a convolution.

    Args:
        x: Its input (N, H, W, C).
        kernel: Shape (height, width, C, filters).
        strides: Its steps.
    """
    size, strides = tuple(kernel.shape[:2]), tuple(strides)
    fits = size in ((1, 1), (3, 3)) and strides in ((1, 1), (2, 2))
    if not fits or x.dtype != tf.float32 or not are_computing():
        return False
    wide = size == (1, 1) and strides == (1, 1) and kernel.shape[2] > _AVX512_CHANNELS
    return not (wide and instructions() == "avx512")


def normalizes(x: tf.Tensor) -> bool:
    """Returns whether the native kernels compute a batch norm in training.

    Args:
        x: Its input (N, H, W, C).
    """
    return x.dtype == tf.float32 and are_computing()
