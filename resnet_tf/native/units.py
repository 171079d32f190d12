"""A 3x3 convolution and the batch norm before it as one operation, in training."""

from typing import NamedTuple

import tensorflow as tf

from resnet_tf.native.library import operations, refuse_second_gradient, shaped
from resnet_tf.native.operations import Moments


class Prologue(NamedTuple):
    """Batch norm and ReLU before a convolution, in training.

    Attributes:
        gamma: Scale, float32 (C,).
        beta: Offset, float32 (C,).
        moving: Moving averages of the mean and the variance.
        epsilon: Number added to the variance, above 0.
        momentum: Share of the old moving averages that an update keeps, in [0, 1].
        moments: Moments of the input, if the operation that wrote the input returned
            them. They have a gradient.
    """

    gamma: tf.Tensor
    beta: tf.Tensor
    moving: Moments
    epsilon: float
    momentum: float
    moments: Moments | None = None


class Output(NamedTuple):
    """The results of `convolution_unit`.

    Attributes:
        y: Output, float32 (N, H, W, filters).
        moments: Moments of `y`, for the batch norm that reads it.
        moving: New moving averages of the mean and of the unbiased variance of `x`;
            None without a batch norm.
        x: The input if `passed`, otherwise None.
    """

    y: tf.Tensor
    moments: Moments
    moving: Moments | None
    x: tf.Tensor | None


def convolution_unit(
    x: tf.Tensor,
    kernel: tf.Tensor,
    norm: Prologue | None = None,
    *,
    residual: tf.Tensor | None = None,
    passed: bool = False,
) -> Output:
    """Convolves x, with batch norm and ReLU before the convolution if `norm` is given.

    The normalized values are never stored. The operation that writes `x` sums its
    statistics. The operation that writes the gradient of `x` sums the terms of the
    gradient of batch norm.

    Args:
        x: float32 (N, H, W, C), N at least 1.
        kernel: float32 (3, 3, C, filters), of a convolution with stride 1.
        norm: Batch norm before the convolution, or None.
        residual: Tensor to add to the output, shape and dtype of the output.
        passed: Whether to return `x` for other operations that read it. Their gradient
            is added as the gradient of `x` is written.

    Returns:
        The output, its moments, the new moving averages and `x`. All except the moving
        averages have a gradient.
    """
    batch_norm = norm is not None
    y, y_mean, y_variance, new_mean, new_variance, _, _, same = (
        operations().resnet_tf_unit(
            x=x,
            kernel=kernel,
            gamma=[norm.gamma] if batch_norm else [],
            beta=[norm.beta] if batch_norm else [],
            moving_mean=[norm.moving.mean] if batch_norm else [],
            moving_variance=[norm.moving.variance] if batch_norm else [],
            moments=list(norm.moments) if batch_norm and norm.moments else [],
            residual=[] if residual is None else [residual],
            p=int(passed),
            epsilon=norm.epsilon if batch_norm else 0,
            momentum=norm.momentum if batch_norm else 0,
        )
    )
    filters = kernel.shape[3:]
    moving = [shaped(vector, x.shape[3:]) for vector in (*new_mean, *new_variance)]
    return Output(
        shaped(y, [*x.shape[:3], *filters]),
        Moments(shaped(y_mean, filters), shaped(y_variance, filters)),
        Moments(*moving) if batch_norm else None,
        shaped(same[0], x.shape) if passed else None,
    )


@tf.RegisterGradient("ResnetTfUnit")
def _gradient(op: tf.Operation, dy, dy_mean, dy_variance, *others):
    b, m, n, p = (op.get_attr(name) for name in "bmnp")
    x, kernel, *parameters = op.inputs
    y, y_mean, _, *results = op.outputs
    dx, dkernel, dgamma, dbeta, dmoments, dresidual = (
        operations().resnet_tf_unit_gradient(
            x=x,
            kernel=kernel,
            gamma=parameters[:b],
            beta=parameters[b : 2 * b],
            mean=results[2 * b : 3 * b],
            variance=results[3 * b : 4 * b],
            y=y,
            y_mean=y_mean,
            dy=dy,
            dy_mean=dy_mean,
            dy_variance=dy_variance,
            dpassed=list(others[4 * b : 4 * b + p]),
            m=m,
            n=n,
            epsilon=op.get_attr("epsilon"),
        )
    )
    moving = [None] * (2 * b)
    gradients = [dx, dkernel, *dgamma, *dbeta, *moving, *dmoments, *dresidual]
    return [
        gradient if gradient is None else shaped(gradient, value.shape)
        for gradient, value in zip(gradients, op.inputs, strict=True)
    ]


refuse_second_gradient("ResnetTfUnitGradient", "batch norm")
