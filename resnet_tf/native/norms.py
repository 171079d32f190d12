"""The native batch norms as functions of tensors, with their gradient."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from resnet_tf.native.library import operations, refuse_second_gradient, shaped
from resnet_tf.native.operations import Moments


def batch_norm(
    x: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    moving_mean: tf.Tensor,
    moving_variance: tf.Tensor,
    *,
    epsilon: float,
    momentum: float,
    relu: bool = False,
    residual: tf.Tensor | None = None,
    moments: Moments | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes with the statistics of the batch, adds a residual, applies ReLU.

    Args:
        x: float32 (N, H, W, C), N at least 1.
        gamma: Scale, float32 (C,).
        beta: Offset, float32 (C,).
        moving_mean: float32 (C,).
        moving_variance: float32 (C,).
        epsilon: Number added to the variance, above 0.
        momentum: Share of the old moving averages that an update keeps, in [0, 1].
        relu: Whether to replace negative results by 0.
        residual: Tensor to add before ReLU, shape and dtype of `x`; it needs `relu`.
        moments: Moments of `x`, if the operation that wrote `x` returned them. They
            get no gradient: the gradient of `x` is complete.

    Returns:
        The result, shape of `x`; the new moving averages of the mean and of the
        unbiased variance, float32 (C,). Only the first has a gradient.

    Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """
    norm = Norm(x, gamma, beta, moving_mean, moving_variance)
    form = {"epsilon": epsilon, "momentum": momentum, "relu": relu}
    moments = moments or ()
    (y,), ((mean, variance),) = batch_norms(
        [norm], [x.shape[3]], residual, moments, **form
    )
    return y, mean, variance


class Norm(NamedTuple):
    """A map and the batch norm that normalizes it.

    Attributes:
        x: float32 (N, H, W, C), N at least 1.
        gamma: Scale, float32 (C,).
        beta: Offset, float32 (C,).
        moving_mean: float32 (C,).
        moving_variance: float32 (C,).
    """

    x: tf.Tensor
    gamma: tf.Tensor
    beta: tf.Tensor
    moving_mean: tf.Tensor
    moving_variance: tf.Tensor


def batch_norms(
    norms: Sequence[Norm],
    widths: Sequence[int],
    residual: tf.Tensor | None = None,
    moments: Sequence[tf.Tensor] = (),
    *,
    epsilon: float,
    momentum: float,
    relu: bool = False,
) -> tuple[list[tf.Tensor], list[tuple[tf.Tensor, tf.Tensor]]]:
    """Normalizes maps and joins or splits the results, without another copy.

    Args:
        norms: Maps with their batch norms; all maps have the same N, H and W.
        widths: Channels of each result, in the order of the maps and their channels.
        residual: See `batch_norm`; needs one map and one result.
        moments: Mean and variance of the first map, then of the next; or empty.
        epsilon: Number added to the variance, above 0.
        momentum: Share of the old moving averages that an update keeps, in [0, 1].
        relu: Whether to replace negative results by 0.

    Returns:
        The results, float32 (N, H, W, width), and for each map the new moving averages
        of the mean and of the unbiased variance. Only the results have a gradient.
    """
    x, gamma, beta, moving_mean, moving_variance = map(list, zip(*norms, strict=True))
    ys, means, variances, *_ = operations().resnet_tf_batch_norm(
        x=x,
        gamma=gamma,
        beta=beta,
        moving_mean=moving_mean,
        moving_variance=moving_variance,
        moments=list(moments),
        residual=[] if residual is None else [residual],
        p=len(widths),
        widths=list(widths),
        relu=relu,
        epsilon=epsilon,
        momentum=momentum,
    )
    ys = [shaped(y, [*x[0].shape[:3], c]) for y, c in zip(ys, widths, strict=True)]
    moved = [
        (shaped(mean, norm.gamma.shape), shaped(variance, norm.gamma.shape))
        for norm, mean, variance in zip(norms, means, variances, strict=True)
    ]
    return ys, moved


@tf.RegisterGradient("ResnetTfBatchNorm")
def _batch_norm_gradient(op: tf.Operation, *upstream):
    m, p, q, n = (op.get_attr(name) for name in "mpqn")
    lists = [op.inputs[i * m : (i + 1) * m] for i in range(5)]
    x, gamma, beta, moving_mean, moving_variance = map(list, lists)
    statistics = list(op.outputs[p + 2 * m :])
    dx, dgamma, dbeta, dresidual = operations().resnet_tf_batch_norm_gradient(
        dy=list(upstream[:p]),
        x=x,
        gamma=gamma,
        beta=beta,
        mean=statistics[:m],
        deviation=statistics[m:],
        y=list(op.outputs[:n]),
        relu=op.get_attr("relu"),
    )
    gradients = [*dx, *dgamma, *dbeta, *dresidual]
    inputs = [*x, *gamma, *beta, *op.inputs[5 * m + q :]]
    gradients = [shaped(g, v.shape) for g, v in zip(gradients, inputs, strict=True)]
    without = [None] * (2 * m + q)
    return [*gradients[: 3 * m], *without, *gradients[3 * m :]]


refuse_second_gradient("ResnetTfBatchNormGradient", "batch norm")
