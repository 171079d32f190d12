"""The native kernels as functions of tensors, with their gradients."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from resnet_tf.native.library import operations, refuse_second_gradient, shaped


def convolution(
    x: tf.Tensor,
    kernel: tf.Tensor,
    stride: int = 1,
    centered: bool = False,
    bias: tf.Tensor | None = None,
    relu: bool = False,
) -> tf.Tensor:
    """Returns a convolution, computed by the faster algorithm for its shape.

    Without ReLU it has gradients of any order.

    Args:
        x: float32 (N, H, W, C).
        kernel: float32 (height, width, C, filters); height and width at most 16.
        stride: Step of the kernel, from 1 to 16.
        centered: Whether to pad as PyTorch does, with height // 2 and width // 2 zeros
            before the map. If False, it pads like TensorFlow's "same".
        bias: float32 (filters,), added to the outputs.
        relu: Whether to replace negative outputs by 0, for inference.

    Returns:
        float32 (N, ceil(H / stride), ceil(W / stride), filters).
    """
    height, width, channels, _ = kernel.shape
    # With few channels, Winograd's transform costs more than it saves.
    if (height, width) in ((3, 3), (5, 5)) and stride == 1 and channels >= 8:
        return winograd_convolution(x, kernel, bias, relu)
    return direct_convolution(x, kernel, stride, centered, bias, relu)


def winograd_convolution(
    x: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None = None,
    relu: bool = False,
) -> tf.Tensor:
    """Returns a 3x3 or 5x5 convolution with stride 1 and padding "same".

    Without ReLU it has gradients of any order.

    Args:
        x: float32 (N, H, W, C).
        kernel: float32 (3, 3, C, filters) or (5, 5, C, filters).
        bias: float32 (filters,), added to the outputs.
        relu: Whether to replace negative outputs by 0, for inference.

    Returns:
        float32 (N, H, W, filters).

    Reference: Lavin and Gray 2015, https://arxiv.org/abs/1509.09308
    """
    return _convolution(x, kernel, flip=False, bias=bias, relu=relu)


def _convolution(x, kernel, flip: bool, bias=None, relu: bool = False) -> tf.Tensor:
    """Returns a convolution, or with `flip` its transpose (filters to C channels)."""
    bias = [] if bias is None else [bias]
    y = operations().resnet_tf_conv(x=x, kernel=kernel, bias=bias, flip=flip, relu=relu)
    return shaped(y, [*x.shape[:3], kernel.shape[2 if flip else 3]])


@tf.RegisterGradient("ResnetTfConv")
def _convolution_gradient(op: tf.Operation, dy: tf.Tensor):
    x, kernel, *bias = _differentiable(op)
    flip = op.get_attr("flip")
    dx = _convolution(dy, kernel, flip=not flip)
    dw = _filter_gradient(*((dy, x) if flip else (x, dy)), kernel.shape[0])
    return [dx, dw, *(_bias_gradient(dy) for _ in bias)]


def _bias_gradient(dy: tf.Tensor) -> tf.Tensor:
    return shaped(operations().resnet_tf_bias_gradient(dy=dy), dy.shape[3:])


@tf.RegisterGradient("ResnetTfBiasGradient")
def _bias_gradient_gradient(op: tf.Operation, u: tf.Tensor):
    return tf.broadcast_to(u, tf.shape(op.inputs[0]))


def _differentiable(op: tf.Operation) -> list[tf.Tensor]:
    """Returns the inputs of a convolution that has a gradient.

    Raises:
        LookupError: If the convolution applies ReLU.
    """
    if op.get_attr("relu"):
        raise LookupError(
            "a convolution with ReLU has no gradient: it is for inference"
        )
    return list(op.inputs)


def _filter_gradient(x: tf.Tensor, dy: tf.Tensor, size: int = 3) -> tf.Tensor:
    dw = operations().resnet_tf_conv_filter_gradient(x=x, dy=dy, size=size)
    return shaped(dw, [size, size, x.shape[3], dy.shape[3]])


@tf.RegisterGradient("ResnetTfConvFilterGradient")
def _filter_gradient_gradient(op: tf.Operation, dw: tf.Tensor):
    x, dy = op.inputs
    return [_convolution(dy, dw, flip=True), _convolution(x, dw, flip=False)]


def direct_convolution(
    x: tf.Tensor,
    kernel: tf.Tensor,
    stride: int,
    centered: bool,
    bias: tf.Tensor | None = None,
    relu: bool = False,
) -> tf.Tensor:
    """Returns a convolution, computed as matrix products; see `convolution`."""
    form = {"stride": stride, "centered": centered, "relu": relu}
    bias = [] if bias is None else [bias]
    y = operations().resnet_tf_direct_conv(x=x, kernel=kernel, bias=bias, **form)
    sides = [size and -(-size // stride) for size in x.shape[1:3]]
    return shaped(y, [x.shape[0], *sides, kernel.shape[3]])


@tf.RegisterGradient("ResnetTfDirectConv")
def _direct_gradient(op: tf.Operation, dy: tf.Tensor):
    x, kernel, *bias = _differentiable(op)
    form = _form(op)
    dw = _direct_filter_gradient(x, dy, kernel.shape[:2], form)
    dx = _direct_input_gradient(dy, kernel, x, form)
    return [dx, dw, *(_bias_gradient(dy) for _ in bias)]


def _direct_input_gradient(dy, kernel, x, form: dict) -> tf.Tensor:
    """Returns the gradient with respect to x, which depends only on the shape of x."""
    dx = operations().resnet_tf_direct_conv_input_gradient(
        dy=dy, kernel=kernel, x=x, **form
    )
    return shaped(dx, x.shape)


@tf.RegisterGradient("ResnetTfDirectConvInputGradient")
def _direct_input_gradient_gradient(op: tf.Operation, u: tf.Tensor):
    dy, kernel, _ = op.inputs
    form = _form(op)
    dw = _direct_filter_gradient(u, dy, kernel.shape[:2], form)
    return [direct_convolution(u, kernel, **form), dw, None]


def _direct_filter_gradient(x, dy, size, form: dict) -> tf.Tensor:
    height, width = size
    dw = operations().resnet_tf_direct_conv_filter_gradient(
        x=x, dy=dy, height=height, width=width, **form
    )
    return shaped(dw, [height, width, x.shape[3], dy.shape[3]])


@tf.RegisterGradient("ResnetTfDirectConvFilterGradient")
def _direct_filter_gradient_gradient(op: tf.Operation, dw: tf.Tensor):
    x, dy = op.inputs
    form = _form(op)
    dx = _direct_input_gradient(dy, dw, x, form)
    return [dx, direct_convolution(x, dw, **form)]


def _form(op: tf.Operation) -> dict:
    return {name: op.get_attr(name) for name in ("stride", "centered")}


class Unit(NamedTuple):
    """BN-ReLU, then a convolution without bias.

    Attributes:
        gamma: Scale of batch norm, float32 (C,).
        beta: Offset of batch norm, float32 (C,).
        kernel: Kernel of the convolution, float32 (height, width, C, filters).
    """

    gamma: tf.Tensor
    beta: tf.Tensor
    kernel: tf.Tensor


class Moments(NamedTuple):
    """Statistics of a batch.

    Attributes:
        mean: float32 (C,).
        variance: Biased variance, which normalizes the batch, float32 (C,).
    """

    mean: tf.Tensor
    variance: tf.Tensor


def dense_block(
    x: tf.Tensor, layers: Sequence[Sequence[Unit]], *, epsilon: float, new_first: bool
) -> tuple[tf.Tensor, Moments, list[Moments]]:
    """Computes a dense block in training as one operation, without concatenation.

    Each layer reads all channels written so far and writes k more into the same
    buffer. The normalized values are never stored, neither forward nor backward.

    Args:
        x: float32 (N, H, W, C), N at least 1.
        layers: One 3x3 unit per layer, or a 1x1 and a 3x3 unit; all layers are of one
            kind and have the same numbers of filters.
        epsilon: Number added to the variance, above 0.
        new_first: Whether new channels come before the existing ones.

    Returns:
        The result, float32 (N, H, W, C + layers * k); the moments of its channels; and
        for each layer the moments between its two units. Only the result has a
        gradient.

    Reference: Huang et al. 2016, https://arxiv.org/abs/1608.06993, section 3; one
        buffer for a block: Pleiss et al. 2017, https://arxiv.org/abs/1707.06990.
    """
    first = [units[0] for units in layers]
    second = [units[1] for units in layers if len(units) > 1]
    y, mean, variance, _, means, variances = operations().resnet_tf_dense_block(
        x=x,
        gamma1=[unit.gamma for unit in first],
        beta1=[unit.beta for unit in first],
        kernel1=[unit.kernel for unit in first],
        gamma2=[unit.gamma for unit in second],
        beta2=[unit.beta for unit in second],
        kernel2=[unit.kernel for unit in second],
        prepend=new_first,
        epsilon=epsilon,
    )
    channels = x.shape[3] + sum(units[-1].kernel.shape[3] for units in layers)
    moments = Moments(shaped(mean, [channels]), shaped(variance, [channels]))
    inner = [
        Moments(shaped(m, unit.gamma.shape), shaped(v, unit.gamma.shape))
        for unit, m, v in zip(second, means, variances, strict=True)
    ]
    return shaped(y, [*x.shape[:3], channels]), moments, inner


@tf.RegisterGradient("ResnetTfDenseBlock")
def _dense_block_gradient(op: tf.Operation, dy: tf.Tensor, *_):
    n, m = op.get_attr("n"), op.get_attr("m")
    x, *parameters = op.inputs
    y, mean, variance, *inner = op.outputs
    starts = [0, n, 2 * n, 3 * n, 3 * n + m, 3 * n + 2 * m, 3 * n + 3 * m]
    gamma1, beta1, kernel1, gamma2, beta2, kernel2 = (
        parameters[start:end] for start, end in itertools.pairwise(starts)
    )
    results = operations().resnet_tf_dense_block_gradient(
        dy=dy,
        y=y,
        mean=mean,
        variance=variance,
        gamma1=gamma1,
        beta1=beta1,
        kernel1=kernel1,
        gamma2=gamma2,
        beta2=beta2,
        kernel2=kernel2,
        hidden=inner[:m],
        hidden_mean=inner[m : 2 * m],
        hidden_variance=inner[2 * m :],
        prepend=op.get_attr("prepend"),
        epsilon=op.get_attr("epsilon"),
    )
    gradients = tf.nest.flatten(results)
    return [shaped(g, v.shape) for g, v in zip(gradients, op.inputs, strict=True)]


refuse_second_gradient("ResnetTfDenseBlockGradient", "dense block")
