"""The shortcut without parameters of the CIFAR residual networks."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="resnet_tf")
class ZeroPadShortcut(keras.layers.Layer):
    """2x2 average pooling, then half of the new zero channels on either side.

    Option A of He et al. 2015 (section 3.3: "extra zero entries padded for
    increasing dimensions") in the form of the TF1 original; other code bases
    subsample instead of pooling, or append all zeros at the end. With
    `strides=1` and as many filters as input channels it is the identity.

    Args:
        filters: Output channels; an even number more than the input has.
        strides: 1, or 2 to halve height and width.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C), H and W divisible by
            `strides`.

    Returns:
        Tensor of shape (N, H / strides, W / strides, filters), dtype of `inputs`.

    Raises:
        ValueError: If `strides` is neither 1 nor 2 or does not divide height and
            width, or the number of new channels is negative or odd.
    """

    def __init__(self, filters: int, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        if strides not in (1, 2):
            raise ValueError(f"strides must be 1 or 2, received {strides}")
        self.filters = filters
        self.strides = strides

    def build(self, input_shape):
        sizes = [size for size in input_shape[1:3] if size is not None]
        if any(size % self.strides for size in sizes):
            raise ValueError(
                f"height and width must be divisible by strides={self.strides}, "
                f"received {tuple(sizes)}"
            )
        new = self.filters - input_shape[-1]
        if new < 0 or new % 2:
            raise ValueError(
                "filters must be an even number above or equal to the "
                f"{input_shape[-1]} input channels, received {self.filters}"
            )

    def call(self, inputs):
        x = inputs
        if self.strides == 2:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        half = (self.filters - inputs.shape[-1]) // 2
        return tf.pad(x, [[0, 0], [0, 0], [0, 0], [half, half]]) if half else x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, _divide(height, self.strides), _divide(width, self.strides),
                self.filters)  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
        }


def _divide(size: int | None, strides: int) -> int | None:
    return None if size is None else size // strides
