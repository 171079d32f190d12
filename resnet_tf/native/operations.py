"""The native kernels as functions of tensors, with their gradients."""

import tensorflow as tf

from resnet_tf.native.library import operations


def convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns a 3x3 convolution of stride 1 with padding "same".

    Gradients of any order exist.

    Args:
        x: float32 (N, H, W, C).
        kernel: float32 (3, 3, C, filters).

    Returns:
        float32 (N, H, W, filters).

    Reference: Lavin and Gray 2015, https://arxiv.org/abs/1509.09308
    """
    return _convolution(x, kernel, flip=False)


def _convolution(x: tf.Tensor, kernel: tf.Tensor, flip: bool) -> tf.Tensor:
    """Returns a convolution; with `flip` its transpose, from filters to C channels."""
    y = operations().resnet_tf_conv(x=x, kernel=kernel, bias=[], flip=flip)
    return _shaped(y, [*x.shape[:3], kernel.shape[2 if flip else 3]])


def convolution_bias(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, relu: bool
) -> tf.Tensor:
    """Returns `convolution` plus a bias, then ReLU if asked for. It has no gradient.

    Args:
        x: float32 (N, H, W, C).
        kernel: float32 (3, 3, C, filters).
        bias: float32 (filters,).
        relu: Whether to replace negative results by 0.

    Returns:
        float32 (N, H, W, filters).
    """
    y = operations().resnet_tf_conv(x=x, kernel=kernel, bias=[bias], relu=relu)
    return _shaped(y, [*x.shape[:3], kernel.shape[3]])


@tf.RegisterGradient("ResnetTfConv")
def _convolution_gradient(op: tf.Operation, dy: tf.Tensor):
    if op.get_attr("n") or op.get_attr("relu"):
        raise LookupError("convolution_bias has no gradient: it is for inference")
    x, kernel = op.inputs
    flip = op.get_attr("flip")
    dx = _convolution(dy, kernel, flip=not flip)
    return [dx, _filter_gradient(*((dy, x) if flip else (x, dy)))]


def _filter_gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    dw = operations().resnet_tf_conv_filter_gradient(x=x, dy=dy)
    return _shaped(dw, [3, 3, x.shape[3], dy.shape[3]])


@tf.RegisterGradient("ResnetTfConvFilterGradient")
def _filter_gradient_gradient(op: tf.Operation, dw: tf.Tensor):
    x, dy = op.inputs
    return [_convolution(dy, dw, flip=True), _convolution(x, dw, flip=False)]


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
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalizes by the statistics of the batch, adds a residual, applies ReLU.

    Args:
        x: float32 (N, H, W, C), N at least 1.
        gamma: float32 (C,), the scale.
        beta: float32 (C,), the offset.
        moving_mean: float32 (C,).
        moving_variance: float32 (C,).
        epsilon: Added to the variance, above 0.
        momentum: Share of the old moving averages that stays, in [0, 1].
        relu: Whether to replace negative results by 0.
        residual: Added before ReLU, shape and dtype of `x`; it needs `relu`.

    Returns:
        The result, shape of `x`; the new moving averages of the mean and of the
        unbiased variance, float32 (C,). Only the first has a gradient.

    Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """
    y, mean, variance, *_ = operations().resnet_tf_batch_norm(
        x=x,
        gamma=gamma,
        beta=beta,
        moving_mean=moving_mean,
        moving_variance=moving_variance,
        residual=[] if residual is None else [residual],
        relu=relu,
        epsilon=epsilon,
        momentum=momentum,
    )
    channels = x.shape[3:]
    return _shaped(y, x.shape), _shaped(mean, channels), _shaped(variance, channels)


@tf.RegisterGradient("ResnetTfBatchNorm")
def _batch_norm_gradient(op: tf.Operation, dy: tf.Tensor, *_):
    x, gamma, beta, moving_mean, moving_variance, *residual = op.inputs
    y, _, _, mean, deviation = op.outputs
    dx, dgamma, dbeta, dresidual = operations().resnet_tf_batch_norm_gradient(
        dy=dy,
        x=x,
        gamma=gamma,
        beta=beta,
        mean=mean,
        deviation=deviation,
        y=[y] if residual else [],
        relu=op.get_attr("relu"),
    )
    dresidual = [_shaped(each, x.shape) for each in dresidual]
    return [
        _shaped(dx, x.shape),
        _shaped(dgamma, gamma.shape),
        _shaped(dbeta, beta.shape),
        None,
        None,
        *dresidual,
    ]


@tf.RegisterGradient("ResnetTfBatchNormGradient")
def _refuse_second_gradient(op: tf.Operation, *_):
    raise LookupError(
        "the native batch norm has a first gradient only: use kernels=tensorflow"
    )


def _shaped(x: tf.Tensor, shape) -> tf.Tensor:
    """Returns x; the graph knows its shape, which the C API cannot tell it."""
    x.set_shape(shape)
    return x
