"""Max pooling with padding on both sides of the map."""

import math

import keras
import tensorflow as tf

from resnet_tf import native


@keras.saving.register_keras_serializable(package="resnet_tf")
class MaxPool(keras.layers.Layer):
    """3x3 max pooling with stride 2 and a border of one pixel, as in PyTorch.

    The border counts as minus infinity, so it is never the maximum. Keras's "same"
    pooling pads an even map only at its end, which moves every window by a pixel.

    Args:
        repeat_edge: Whether the border repeats the edge of the map instead. The edge
            is in the window too, so values and gradients stay the same. This is
            slower, but minus infinity would spoil the ranges of an int8 export.
        **kwargs: See `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).

    Returns:
        Tensor of shape (N, ceil(H / 2), ceil(W / 2), C), dtype of `inputs`.
    """

    def __init__(self, repeat_edge: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.repeat_edge = repeat_edge

    def call(self, inputs):
        if native.pools(inputs):
            return native.max_pool(inputs, 2)
        # XLA does not support pooling with explicit padding.
        border = [[0, 0], [1, 1], [1, 1], [0, 0]]
        if self.repeat_edge:
            x = tf.pad(inputs, border, "SYMMETRIC")
        else:
            x = tf.pad(inputs, border, constant_values=-math.inf)
        return tf.nn.max_pool2d(x, 3, 2, "VALID")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        halves = (None if side is None else (side + 1) // 2 for side in sides)
        return (batch, *halves, channels)

    def get_config(self):
        return {**super().get_config(), "repeat_edge": self.repeat_edge}
