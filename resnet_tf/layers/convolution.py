"""Convolution layers and the initializers of their kernels."""

import math

import keras
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.vectors import check_channels, missing, widened
from resnet_tf.machine import has_bfloat16

INITIALIZERS = {
    # He et al. 2015 ("Delving Deep into Rectifiers", section 2.2), the form for the
    # backward pass and the form for the forward pass.
    "he_fan_out": ("fan_out", "untruncated_normal", 2.0),
    "he_fan_in": ("fan_in", "untruncated_normal", 2.0),
    # The same with PyTorch's gain for tanh, 5/3.
    "tanh_fan_out": ("fan_out", "untruncated_normal", 25 / 9),
    "tanh_fan_in": ("fan_in", "untruncated_normal", 25 / 9),
    # PyTorch's default: uniform in +-1 / sqrt(fan_in).
    "fan_in_uniform": ("fan_in", "uniform", 1 / 3),
    # For dense heads: variance 1 / fan_in, normal or uniform. The uniform one is
    # TF1's `uniform_unit_scaling_initializer`.
    "fan_in_normal": ("fan_in", "untruncated_normal", 1.0),
    "unit_uniform": ("fan_in", "uniform", 1.0),
    # Glorot and Bengio 2010; the default of TF1's `get_variable`.
    "glorot_uniform": ("fan_avg", "uniform", 1.0),
}
STRIDE_PADDINGS = ("end", "both")
# Arguments of `keras.layers.Conv2D` for which `Conv2D` allows one value.
_ONLY = {"data_format": "channels_last", "dilation_rate": (1, 1), "groups": 1}


def convolution_initializer(name: str) -> keras.initializers.Initializer:
    """Returns a new initializer, so that no two convolutions start alike.

    Raises:
        ValueError: If `name` is not in `INITIALIZERS`.
    """
    if name not in INITIALIZERS:
        known = ", ".join(INITIALIZERS)
        raise ValueError(
            f"kernel_initializer must be one of {known}, received {name!r}"
        )
    mode, distribution, scale = INITIALIZERS[name]
    return keras.initializers.VarianceScaling(scale, mode, distribution)


def fan_in_uniform(fan_in: int) -> keras.initializers.Initializer:
    """Returns the uniform initializer in +-1 / sqrt(fan_in).

    This is PyTorch's default for the biases of convolutions and for the kernels and
    biases of dense layers.
    """
    bound = 1 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-bound, bound)


@keras.saving.register_keras_serializable(package="resnet_tf")
class Conv2D(keras.layers.Conv2D):
    """A convolution with padding "same" that uses the fast kernels in training.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel.
        strides: Step of the kernel.
        **kwargs: See `keras.layers.Conv2D`. `padding` is not accepted;
            `data_format`, `dilation_rate` and `groups` must keep their defaults.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C). In training, the channels that
            `filled` adds can follow the C channels; their values are ignored.
        training: Whether the caller needs a gradient.

    Returns:
        Tensor of shape (N, ceil(H / strides), ceil(W / strides), filters), dtype
        of `inputs`.

    Raises:
        ValueError: If an argument that must keep its default does not, or the inputs
            have the wrong number of channels.
    """

    def __init__(self, filters, kernel_size, strides=1, **kwargs):
        super().__init__(filters, kernel_size, strides, padding="same", **kwargs)
        for name, expected in _ONLY.items():
            if (received := getattr(self, name)) != expected:
                raise ValueError(f"{name} must be {expected!r}, received {received!r}")

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = keras.layers.InputSpec(ndim=4)  # the width: below

    def call(self, inputs, training=None):
        check_channels(inputs.shape[-1], self.kernel.shape[2], training)
        if not training:
            if native.convolves(inputs, self.kernel, self.strides):
                return _native(self, inputs, centered=False, training=False)
            return super().call(inputs)
        kernel = widened(tf.convert_to_tensor(self.kernel), 2, inputs.shape[-1])
        x = self._convolved(inputs, kernel)
        if self.use_bias:
            x = tf.nn.bias_add(x, tf.convert_to_tensor(self.bias))
        return x if self.activation is None else self.activation(x)

    def _convolved(self, inputs, kernel):
        if native.convolves(inputs, kernel, self.strides):
            return native.convolution(inputs, kernel, self.strides[0])
        narrow = missing(self.filters) and self.filters < kernel.shape[2]
        centred = self.strides == (1, 1) and all(size % 2 for size in self.kernel_size)
        # In float32 the narrow form is less exact and no faster. The same holds for
        # bfloat16 on a CPU where TensorFlow's own kernels compute it.
        if narrow and centred and inputs.dtype.size == 2 and has_bfloat16():
            return narrow_convolution(inputs, kernel)
        return tf.nn.conv2d(inputs, kernel, self.strides, "SAME")

    def get_config(self):
        config = super().get_config()
        del config["padding"]
        return config


@tf.custom_gradient
def narrow_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns a convolution with stride 1 from many channels to few.

    The gradient with respect to the kernel is a correlation of `x` with the gradient
    of the output. The two can swap roles, and CPU kernels are faster when the tensor
    with fewer channels is the input.

    Args:
        x: Float tensor of shape (N, H, W, C).
        kernel: Tensor of shape (height, width, C, filters); height and width are odd.
    """

    def gradients(dy):
        same = {"strides": [1, 1, 1, 1], "padding": "SAME"}
        dx = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.shape(x), filter=kernel, out_backprop=dy, **same
        )
        height, width, channels, filters = kernel.shape
        sizes = [height, width, filters, channels]
        mirrored = tf.raw_ops.Conv2DBackpropFilter(
            input=dy, filter_sizes=sizes, out_backprop=x, **same
        )
        return dx, tf.transpose(tf.reverse(mirrored, [0, 1]), [0, 1, 3, 2])

    return tf.nn.conv2d(x, kernel, 1, "SAME"), gradients


@keras.saving.register_keras_serializable(package="resnet_tf")
class TorchConv2D(keras.layers.Conv2D):
    """A convolution with the padding and the bias of PyTorch's `Conv2d`.

    It pads every side of the map with kernel_size // 2 zeros. Keras's "same" puts all
    zeros at the end if the stride is 2 and the map even. `fan_in_uniform` initializes
    the bias.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, an odd number.
        strides: Step of the kernel.
        **kwargs: See `keras.layers.Conv2D`. `padding` is not accepted.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C).

    Returns:
        Tensor of shape (N, ceil(H / strides), ceil(W / strides), filters), dtype
        of `inputs`.

    Raises:
        ValueError: If `kernel_size` is even.
    """

    def __init__(self, filters, kernel_size, strides=1, **kwargs):
        # With stride 1, "same" pads both sides.
        padding = "same" if strides in (1, (1, 1), [1, 1]) else "valid"
        super().__init__(filters, kernel_size, strides, padding=padding, **kwargs)
        if not all(size % 2 for size in self.kernel_size):
            raise ValueError(f"kernel_size must be odd, received {self.kernel_size}")

    @property
    def _border(self) -> tuple[int, ...]:
        """Number of zeros to add before and after the height and the width."""
        return tuple(
            (size // 2) * (self.padding == "valid") for size in self.kernel_size
        )

    def build(self, input_shape):
        if self.use_bias:
            fan_in = math.prod(self.kernel_size) * input_shape[-1]
            self.bias_initializer = fan_in_uniform(fan_in)
        super().build(input_shape)

    def call(self, inputs, training=None):
        if native.convolves(inputs, self.kernel, self.strides):
            return _native(self, inputs, centered=True, training=training)
        if any(self._border):
            border = [[zeros, zeros] for zeros in self._border]
            inputs = tf.pad(inputs, [[0, 0], *border, [0, 0]])
        return super().call(inputs)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        padded = (
            None if side is None else side + 2 * zeros
            for side, zeros in zip(sides, self._border, strict=True)
        )
        return super().compute_output_shape((batch, *padded, channels))

    def get_config(self):
        config = super().get_config()
        del config["padding"], config["bias_initializer"]
        return config


def _native(layer, inputs, centered: bool, training: bool | None) -> tf.Tensor:
    """Returns a convolution's output; in inference one kernel adds bias and ReLU."""
    kernel = tf.convert_to_tensor(layer.kernel)
    bias = tf.convert_to_tensor(layer.bias) if layer.use_bias else None
    relu = not training and layer.activation is keras.activations.relu
    x = native.convolution(inputs, kernel, layer.strides[0], centered, bias, relu)
    done = relu or layer.activation is keras.activations.linear
    return x if done else layer.activation(x)


def conv(
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    stride_padding: str = "end",
    use_bias: bool = False,
    kernel_initializer: str = "he_fan_out",
    **kwargs,
) -> keras.layers.Conv2D:
    """Returns a convolution that divides height and width by `strides`, rounded up.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel.
        strides: Step of the kernel.
        stride_padding: Where the map is padded if `strides` is not 1: at the "end",
            as TensorFlow's "same" pads even maps, or on "both" sides.
        use_bias: Whether to add a bias, initialized as in PyTorch.
        kernel_initializer: A name in `INITIALIZERS`.
        **kwargs: See `keras.layers.Conv2D`.

    Raises:
        ValueError: If `stride_padding` or `kernel_initializer` is unknown.
    """
    if stride_padding not in STRIDE_PADDINGS:
        known = ", ".join(STRIDE_PADDINGS)
        raise ValueError(
            f"stride_padding must be one of {known}, received {stride_padding!r}"
        )
    kwargs["kernel_initializer"] = convolution_initializer(kernel_initializer)
    if use_bias or (stride_padding == "both" and strides > 1):
        return TorchConv2D(filters, kernel_size, strides, use_bias=use_bias, **kwargs)
    return Conv2D(filters, kernel_size, strides, use_bias=False, **kwargs)
