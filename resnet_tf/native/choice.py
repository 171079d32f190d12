"""Decides where the native kernels compute."""

import tensorflow as tf

from resnet_tf.native.library import (
    INSTRUCTIONS,
    are_computing,
    instructions,
    reason,
    supports,
)

# With AVX-512, TensorFlow's 1x1 convolutions are faster above this number of channels.
_AVX512_CHANNELS = 96
_NATIVE, _TENSORFLOW = "native", "tensorflow"


def resolved(kernels: str, able: bool) -> str:
    """Returns the kernels to use in this process, e.g. "native_avx512", "tensorflow".

    Args:
        kernels: "auto", "native", "native_" with a name in `INSTRUCTIONS`, or
            "tensorflow".
        able: Whether the native kernels support the experiment.
    """
    if kernels == "auto":
        kernels = _NATIVE if able and obstacle(_NATIVE) is None else _TENSORFLOW
    if kernels == _NATIVE and reason() is None:
        return f"{_NATIVE}_{next(filter(supports, INSTRUCTIONS))}"
    return kernels


def obstacle(kernels: str) -> str | None:
    """Returns the reason why kernels cannot run in this process, or None.

    Args:
        kernels: See `resolved`.

    Returns:
        One line, or None if the kernels can run.
    """
    name, _, wanted = kernels.partition("_")
    if name != _NATIVE:
        return None
    if why := reason():
        return why
    if tf.config.get_visible_devices("GPU"):
        return "a GPU computes (CUDA_VISIBLE_DEVICES= hides it)"
    if wanted and not supports(wanted):
        return f"this CPU does not have the instructions {wanted}"
    return None


def convolves(x: tf.Tensor, kernel: tf.Tensor, strides: tuple[int, int]) -> bool:
    """Returns whether the native kernels compute a convolution.

    Args:
        x: Input of the convolution (N, H, W, C).
        kernel: Tensor or spec of shape (height, width, C, filters).
        strides: Steps of the kernel.
    """
    size, strides = tuple(kernel.shape[:2]), tuple(strides)
    fits = (size in ((1, 1), (3, 3)) and strides in ((1, 1), (2, 2))) or (
        size == (5, 5) and strides == (1, 1) and kernel.shape[2] >= 8
    )
    if not fits or x.dtype != tf.float32 or not are_computing():
        return False
    wide = size == (1, 1) and strides == (1, 1) and kernel.shape[2] > _AVX512_CHANNELS
    return not (wide and instructions() == "avx512")


def pools(x: tf.Tensor) -> bool:
    """Returns whether the native kernels compute a max pooling.

    Args:
        x: Input of the pooling (N, H, W, C).
    """
    return x.dtype == tf.float32 and are_computing()


def normalizes(x: tf.Tensor) -> bool:
    """Returns whether the native kernels compute a batch norm in training.

    Args:
        x: Input of the batch norm (N, H, W, C).
    """
    return x.dtype == tf.float32 and are_computing()
