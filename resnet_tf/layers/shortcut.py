"""The shortcuts of the residual networks."""

from typing import Any

import keras
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.block import Block

MODES = ("pool", "subsample", "append")


@keras.saving.register_keras_serializable(package="resnet_tf")
class ZeroPadShortcut(keras.layers.Layer):
    """The shortcut without parameters: shrinks the map and adds channels of zeros.

    Option A of He et al. 2015 (section 3.3: "extra zero entries padded for
    increasing dimensions", "performed with a stride of 2"). With `strides=1` and as
    many filters as input channels it is the identity. The three modes come from three
    code bases:

    - "append" takes every second pixel and puts the zeros at the end
      (fb.resnet.torch, models/resnet.lua, lines 35 to 41). This fits the paper.
    - "subsample" takes every second pixel and puts half of the zeros on either side
      (akamaster/pytorch_resnet_cifar10). This fits the paper too: the paper does not
      say where the zeros go.
    - "pool" takes the average of 2x2 pixels and puts half of the zeros on either side
      (the TF1 original). This differs from the paper.

    No mode has weights, but each computes a different function.

    Args:
        filters: Number of output channels. It exceeds the input's by an even number,
            or with "append" by any number.
        strides: 1, or 2 to halve height and width.
        mode: One of `MODES`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C). At the end of a map with an odd
            side, "pool" averages only the pixels inside the map.

    Returns:
        Tensor of shape (N, ceil(H / strides), ceil(W / strides), filters), dtype
        of `inputs`.

    Raises:
        ValueError: If `strides` is neither 1 nor 2, `mode` is unknown, or the
            number of new channels is negative or odd.
    """

    def __init__(self, filters: int, strides: int = 1, mode: str = "pool", **kwargs):
        super().__init__(**kwargs)
        if strides not in (1, 2):
            raise ValueError(f"strides must be 1 or 2, received {strides}")
        if mode not in MODES:
            raise ValueError(
                f"mode must be one of {', '.join(MODES)}, received {mode!r}"
            )
        self.filters = filters
        self.strides = strides
        self.mode = mode

    def build(self, input_shape):
        new = self.filters - input_shape[-1]
        if new < 0 or (new % 2 and self.mode != "append"):
            raise ValueError(
                "filters must be an even number above or equal to the "
                f"{input_shape[-1]} input channels, received {self.filters}"
            )

    def call(self, inputs):
        channels = inputs.shape[-1]
        new = self.filters - channels
        before = 0 if self.mode == "append" else new // 2
        zeros = [before, new - before]
        x = inputs
        if self.strides == 2 and self.mode == "pool":
            x = tf.nn.avg_pool2d(x, 2, 2, "SAME")  # odd maps too
        elif self.strides == 2:
            kernel = tf.TensorSpec((1, 1, channels, self.filters))
            if native.convolves(x, kernel, (2, 2)):
                # A convolution that copies is faster than slices, as is its gradient.
                copy = tf.pad(tf.eye(channels), [[0, 0], zeros])
                return native.convolution(x, copy[None, None], 2)
            x = x[:, ::2, ::2]
        return tf.pad(x, [[0, 0], [0, 0], [0, 0], zeros]) if new else x

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, _divide(height, self.strides), _divide(width, self.strides),
                self.filters)  # fmt: skip

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "mode": self.mode,
        }


@keras.saving.register_keras_serializable(package="resnet_tf")
class ProjectionShortcut(Block):
    """A 1x1 convolution, option B of He et al. 2015 (section 3.3).

    Args:
        filters: Output channels.
        strides: Step of the convolution.
        batch_norm: "after" the convolution; "before" it, with an activation; or
            "none".
        use_bias: Whether the convolution has a bias.
        **kwargs: See `Block`.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).
        training: If True, batch norm uses batch statistics.

    Returns:
        Tensor of shape (N, ceil(H / strides), ceil(W / strides), filters), dtype
        of `inputs`.

    Raises:
        ValueError: If `batch_norm` is unknown.
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        batch_norm: str = "after",
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if batch_norm not in ("after", "before", "none"):
            raise ValueError(
                f"batch_norm must be after, before or none, received {batch_norm!r}"
            )
        self.filters = filters
        self.strides = strides
        self.batch_norm = batch_norm
        self.use_bias = use_bias
        self.conv = self._conv(filters, 1, "conv", strides, use_bias=use_bias)
        self.bn = None if batch_norm == "none" else self._batch_norm("bn")

    def build(self, input_shape):
        if self.batch_norm == "before":
            self.bn.build(input_shape)
        self.conv.build(input_shape)
        if self.batch_norm == "after":
            self.bn.build(self.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = inputs
        if self.batch_norm == "before":
            x = self._bn_activation(self.bn, x, training)
        x = self.conv(x)
        if self.batch_norm == "after":
            x = self.bn(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "batch_norm": self.batch_norm,
            "use_bias": self.use_bias,
        }


# The mode or the arguments of each kind of `make_shortcut`.
_ZERO_PAD = {"A-pool": "pool", "A-subsample": "subsample", "A-append": "append"}
_PROJECTION: dict[str, dict[str, Any]] = {
    "B": {"batch_norm": "after"},
    "B-bias": {"batch_norm": "none", "use_bias": True},
    "B-pre": {"batch_norm": "before"},
}
SHORTCUTS = (*_ZERO_PAD, *_PROJECTION, "identity", "none")


def make_shortcut(
    kind: str, filters: int, strides: int, *, dtype=None, **options
) -> keras.layers.Layer | None:
    """Returns the shortcut of a residual block.

    Args:
        kind: "A-pool", "A-subsample" or "A-append", see `ZeroPadShortcut`; "B",
            a 1x1 convolution with batch norm after it, "B-bias" with a bias
            instead, "B-pre" with batch norm and the activation before it;
            "identity"; or "none".
        filters: Output channels.
        strides: 1, or 2 to halve height and width.
        dtype: Keras dtype policy.
        **options: See `Block`.

    Returns:
        The layer, named "shortcut", or None for "none".

    Raises:
        ValueError: If `kind` is not in `SHORTCUTS`.
    """
    if kind not in SHORTCUTS:
        known = ", ".join(SHORTCUTS)
        raise ValueError(f"shortcut must be one of {known}, received {kind!r}")
    common: dict[str, Any] = {"name": "shortcut", "dtype": dtype}
    if kind in _ZERO_PAD:
        return ZeroPadShortcut(filters, strides, _ZERO_PAD[kind], **common)
    if kind in _PROJECTION:
        options = {**options, **_PROJECTION[kind]}
        return ProjectionShortcut(filters, strides, **options, **common)
    return keras.layers.Identity(**common) if kind == "identity" else None


def _divide(size: int | None, strides: int) -> int | None:
    return None if size is None else -(-size // strides)
