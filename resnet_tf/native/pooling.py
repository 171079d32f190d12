"""The native max pooling as a function of tensors, with its gradient."""

import tensorflow as tf

from resnet_tf.native.library import operations, refuse_second_gradient, shaped


def max_pool(x: tf.Tensor, stride: int) -> tf.Tensor:
    """Returns 3x3 max pooling; a border of one pixel counts as minus infinity.

    Args:
        x: float32 (N, H, W, C).
        stride: Step of the window, 1 or 2.

    Returns:
        float32 (N, ceil(H / stride), ceil(W / stride), C). Of equal pixels the first
        gets the gradient.
    """
    y = operations().resnet_tf_max_pool(x=x, stride=stride)
    sides = [size and -(-size // stride) for size in x.shape[1:3]]
    return shaped(y, [x.shape[0], *sides, x.shape[3]])


@tf.RegisterGradient("ResnetTfMaxPool")
def _max_pool_gradient(op: tf.Operation, dy: tf.Tensor):
    (x,), (y,) = op.inputs, op.outputs
    stride = op.get_attr("stride")
    dx = operations().resnet_tf_max_pool_gradient(x=x, y=y, dy=dy, stride=stride)
    return shaped(dx, x.shape)


refuse_second_gradient("ResnetTfMaxPoolGradient", "max pooling")
