"""The activation functions of the networks, by name."""

import functools
from collections.abc import Callable

import keras
from keras import ops

# As in PyTorch, leaky ReLU has the slope 0.01 and GELU is exact.
LEAKY_SLOPE = 0.01


@keras.saving.register_keras_serializable(package="resnet_tf")
def tanh(inputs):
    """Returns the hyperbolic tangent, in a form that TensorFlow does not fuse.

    TensorFlow 2.21 fuses convolution, batch norm and a plain tanh into an operation
    that has no CPU kernel ("Fusion is not implemented").
    """
    return -ops.tanh(-inputs)


ACTIVATIONS = {
    "relu": ops.relu,
    "tanh": tanh,
    "leakyrelu": functools.partial(ops.leaky_relu, negative_slope=LEAKY_SLOPE),
    "gelu": functools.partial(ops.gelu, approximate=False),
}


def activation_function(name: str) -> Callable:
    """Returns the activation function, which keeps shape and dtype of its tensor.

    Raises:
        ValueError: If `name` is not in `ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"activation must be one of {known}, received {name!r}")
    return ACTIVATIONS[name]


def activation_layer(activation: str, **kwargs) -> keras.layers.Layer:
    """Returns an activation function as a layer.

    Args:
        activation: A name in `ACTIVATIONS`.
        **kwargs: Arguments of the layer, e.g. `name`.

    Raises:
        ValueError: If `activation` is not in `ACTIVATIONS`.
    """
    activation_function(activation)
    if activation == "relu":
        return keras.layers.ReLU(**kwargs)
    if activation == "leakyrelu":
        return keras.layers.LeakyReLU(LEAKY_SLOPE, **kwargs)
    function = tanh if activation == "tanh" else activation
    return keras.layers.Activation(function, **kwargs)
