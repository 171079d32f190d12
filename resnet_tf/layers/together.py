"""Convolutions and batch norms that the native kernels compute as one operation."""

from collections.abc import Sequence

import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.batch_norm import BatchNorm


def convolved_together(convs: Sequence, x: tf.Tensor) -> tf.Tensor:
    """Returns the concatenated outputs of 1x1 convolutions of one map.

    Args:
        convs: Convolution layers with a bias and stride 1, without activation.
        x: float32 (N, H, W, C).

    Returns:
        float32 (N, H, W, sum of the filters).
    """
    kernel = tf.concat([tf.convert_to_tensor(conv.kernel) for conv in convs], 3)
    bias = tf.concat([tf.convert_to_tensor(conv.bias) for conv in convs], 0)
    if native.convolves(x, kernel, (1, 1)):
        return native.convolution(x, kernel, bias=bias)
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias)


def normalized_apart(bns: Sequence[BatchNorm], x: tf.Tensor) -> list[tf.Tensor]:
    """Returns ReLU of each batch norm, applied to its own channels of one map.

    It updates the moving averages. All batch norms have equal momentum and epsilon.

    Args:
        bns: Batch norms in training, in the order of the channels.
        x: float32 (N, H, W, sum of the channels).
    """
    each = zip(*(bn.vectors() for bn in bns), strict=True)
    vectors = [tf.concat(parts, 0) for parts in each]
    widths = [bn.gamma.shape[0] for bn in bns]
    ys, ((mean, variance),) = native.batch_norms(
        [native.Norm(x, *vectors)], widths, **_form(bns[0])
    )
    moved = zip(tf.split(mean, widths), tf.split(variance, widths), strict=True)
    _move(bns, moved)
    return ys


def normalized_together(
    bns: Sequence[BatchNorm], maps: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Returns ReLU of the batch norms of several maps, concatenated.

    It updates the moving averages. All batch norms have equal momentum and epsilon.

    Args:
        bns: Batch norms in training.
        maps: A map for each batch norm, float32 (N, H, W, any C).
    """
    norms = [native.Norm(x, *bn.vectors()) for bn, x in zip(bns, maps, strict=True)]
    width = sum(x.shape[-1] for x in maps)
    (y,), moved = native.batch_norms(norms, [width], **_form(bns[0]))
    _move(bns, moved)
    return y


def _form(bn: BatchNorm) -> dict:
    return {"epsilon": bn.epsilon, "momentum": bn.momentum, "relu": True}


def _move(bns, moved) -> None:
    for bn, (mean, variance) in zip(bns, moved, strict=True):
        bn.move_averages(mean, variance)
