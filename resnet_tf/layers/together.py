"""Convolutions and batch norms that native kernels compute as one operation."""

from collections.abc import Sequence

import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.batch_norm import BatchNorm
from resnet_tf.layers.moving import move


def convolved_together(convs: Sequence, x: tf.Tensor) -> tf.Tensor:
    """Returns the outputs of 1x1 convolutions of one map, side by side.

    Args:
        convs: Layers with a bias and stride 1, without activation.
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
    """Returns ReLU of the batch norms of one map, each of its own channels, in order.

    It moves their averages. All have the momentum and the epsilon of the first.

    Args:
        bns: In training.
        x: float32 (N, H, W, sum of the channels).
    """
    vectors = [tf.concat(each, 0) for each in zip(*map(_vectors, bns), strict=True)]
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

    It moves their averages. All have the momentum and the epsilon of the first.

    Args:
        bns: In training.
        maps: float32 (N, H, W, any C), one for each.
    """
    norms = [native.Norm(x, *_vectors(bn)) for bn, x in zip(bns, maps, strict=True)]
    width = sum(x.shape[-1] for x in maps)
    (y,), moved = native.batch_norms(norms, [width], **_form(bns[0]))
    _move(bns, moved)
    return y


def _vectors(bn: BatchNorm) -> list[tf.Tensor]:
    variables = (bn.gamma, bn.beta, bn.moving_mean, bn.moving_variance)
    return [tf.convert_to_tensor(variable) for variable in variables]


def _form(bn: BatchNorm) -> dict:
    return {"epsilon": bn.epsilon, "momentum": bn.momentum, "relu": True}


def _move(bns, moved) -> None:
    for bn, (mean, variance) in zip(bns, moved, strict=True):
        move(bn.moving_mean, mean)
        move(bn.moving_variance, variance)
