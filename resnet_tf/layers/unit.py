"""Batch norms and 3x3 convolutions that the native kernels compute together."""

import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.convolution import Conv2D
from resnet_tf.layers.moments import keep_moments, moments_of


def is_unit(bn: BatchNorm | None, conv, x: tf.Tensor) -> bool:
    """Returns whether native kernels compute batch norm, ReLU and `conv` together.

    Args:
        bn: Batch norm in training, or None for no batch norm.
        conv: Convolution after the batch norm.
        x: Input of the batch norm, or of the convolution.
    """
    usual = type(conv) is Conv2D and conv.kernel_size == (3, 3)
    plain = usual and conv.strides == (1, 1) and not conv.use_bias
    return plain and (bn is None or bn.moves) and native.normalizes(x)


def unit(
    bn: BatchNorm | None,
    conv: Conv2D,
    x: tf.Tensor,
    residual: tf.Tensor | None = None,
    passed: bool = False,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the convolution of ReLU(bn(x)), plus a residual, and x.

    It updates the moving averages.

    Args:
        bn: Batch norm for which `is_unit` is true, or None to convolve x.
        conv: Convolution after the batch norm.
        x: Float32 tensor of shape (N, H, W, C).
        residual: Tensor with the shape and dtype of the output, or None.
        passed: Whether other layers read x too. They must read the returned x: their
            gradient is added as the batch norm's gradient is written.
    """
    kernel = tf.convert_to_tensor(conv.kernel)
    output = native.convolution_unit(
        x, kernel, bn and _norm(bn, x), residual=residual, passed=passed
    )
    if bn and output.moving:
        bn.move_averages(*output.moving)
    keep_moments(output.y, output.moments)
    return output.y, output.x if passed else x


def _norm(bn: BatchNorm, x: tf.Tensor) -> native.Prologue:
    gamma, beta, *averages = bn.vectors()
    moving = native.Moments(*averages)
    return native.Prologue(gamma, beta, moving, bn.epsilon, bn.momentum, moments_of(x))
