"""Rewrites networks for inference: opens the blocks and folds batch norm.

The `call` of every block runs once on symbolic tensors. So a network of any family
becomes one graph of plain layers and operations. Then two rules rewrite the graph,
the same for every network.
"""

from collections import Counter
from collections.abc import Callable

import keras

from resnet_tf.layers import BatchNorm, Block
from resnet_tf.models.network import Network

Weights = list  # of arrays, in the order of `Layer.get_weights`


def optimize_for_inference(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """Returns a network with the same outputs that is faster in inference.

    Batch norm with moving averages becomes part of the convolution before it. If
    there is no such convolution, or another layer uses its output, batch norm becomes
    a scale and a shift of each channel: a 1x1 `DepthwiseConv2D`, with which
    TensorFlow's CPU kernels fuse the ReLU. Batch norm with the batch's own statistics
    (`bn_eval="batch"`) stays. In float32 the outputs are equal except for rounding.

    The result consists of copies: `model` does not change, and later changes of its
    weights do not affect the result. The result cannot be trained.

    Args:
        model: A network of this package, with or without `features`, in which no
            layer is used twice.
        dtype: Keras dtype policy of the layers that return maps, e.g.
            "mixed_bfloat16"; the policy of `model` if None. Global average pooling
            and the head keep float32.

    Returns:
        A functional model of plain layers, with the inputs and outputs of `model`.

    Raises:
        ValueError: If `model` is not functional or `dtype` is unknown.
    """
    if not hasattr(model, "operations"):
        raise ValueError(
            f"model must be functional, received {type(model).__name__} {model.name!r}"
        )
    if dtype is not None:
        keras.dtype_policies.get(dtype)
    # Clones of a Network are Networks, which can be deeper than Python's stack.
    model = Network(model.input, model.output, name=model.name)
    while any(isinstance(layer, Block) for layer in model.layers):
        model = _opened(model)
    folded = _folded(model, dtype)
    folded.trainable = False
    return folded


def _opened(model: keras.Model) -> keras.Model:
    """Returns a copy in which the layers of each block replace the block."""

    def call(operation, *args, **kwargs):
        if not isinstance(operation, Block):
            return _called(operation, weights, *args, **kwargs)
        operation.build(keras.tree.map_structure(lambda x: x.shape, args[0]))
        operation.set_weights(weights[operation.name])
        for part in list(vars(operation).values()):
            if isinstance(part, keras.layers.Layer):
                part.name = f"{operation.name}_{part.name}"
        return operation.call(*args, **kwargs)

    weights = {layer.name: layer.get_weights() for layer in model.layers}
    return keras.models.clone_model(model, clone_function=_fresh, call_function=call)


def _folded(model: keras.Model, dtype: str | None) -> keras.Model:
    """Returns a copy in which batch norm with moving averages is folded."""
    followers = _followers(model)
    activated = _activated(model, followers)
    gone = {*(bn.name for bn in followers.values()), *activated.values()}
    weights = {}

    def clone(operation):
        name = operation.name
        if name in gone:
            return keras.layers.Identity(name=name)
        if not isinstance(operation, keras.layers.Layer) or _is_identity(operation):
            return _fresh(operation)
        config = operation.get_config()
        if dtype is not None and len(operation.output.shape) == 4:
            config["dtype"] = dtype
        make, config, weights[name] = _form(operation, config, followers.get(name))
        if name in activated:
            config["activation"] = "relu"
        return make(config)

    def call(operation, *args, **kwargs):
        return _called(operation, weights, *args, **kwargs)

    return keras.models.clone_model(model, clone_function=clone, call_function=call)


def _fresh(operation: keras.Operation) -> keras.Operation:
    """Returns a copy with new weights."""
    # Keras has no config for an Identity whose dtype policy is an object.
    if _is_identity(operation):
        return keras.layers.Identity(name=operation.name)
    return type(operation).from_config(operation.get_config())


def _called(operation: keras.Operation, weights: dict[str, Weights], *args, **kwargs):
    """Calls an operation and returns its outputs; a layer gets its weights."""
    if _is_identity(operation):
        return args[0]
    outputs = operation(*args, **kwargs)
    if isinstance(operation, keras.layers.Layer):
        operation.set_weights(weights[operation.name])
    return outputs


def _followers(model: keras.Model) -> dict[str, BatchNorm]:
    """Returns the batch norms to fold, by the name of the convolution before each."""
    makers, uses = _makers(model), _uses(model)
    found = {}
    for bn in filter(_is_fixed, model.operations):
        before = makers[id(bn.input)]
        if _is_bare_convolution(before) and uses[id(bn.input)] == 1:
            found[before.name] = bn
    return found


def _activated(model: keras.Model, followers: dict[str, BatchNorm]) -> dict[str, str]:
    """Returns the names of the ReLUs to fold, by the convolution before each.

    Args:
        model: A network without blocks.
        followers: See `_followers`.
    """
    makers, uses = _makers(model), _uses(model)
    folded = {id(bn): name for name, bn in followers.items()}
    found = {}
    for relu in filter(_is_relu, model.operations):
        before = makers[id(relu.input)]
        bare = _is_bare_convolution(before)
        name = before.name if bare else folded.get(id(before))
        if name is not None and uses[id(relu.input)] == 1:
            found[name] = relu.name
    return found


def _makers(model: keras.Model) -> dict[int, keras.Operation]:
    """Returns the operation that outputs each tensor, by the tensor's id."""
    return {id(operation.output): operation for operation in model.operations}


def _uses(model: keras.Model) -> Counter:
    """Returns how often each tensor is used, by its id."""
    uses = Counter(map(id, model.outputs))
    for operation in model.operations:
        uses.update(map(id, keras.tree.flatten(operation.input)))
    return uses


def _is_relu(operation: keras.Operation) -> bool:
    return type(operation).__name__ in ("Relu", "ReLU")


def _is_bare_convolution(operation: keras.Operation) -> bool:
    convolves = isinstance(operation, keras.layers.Conv2D)
    return convolves and operation.activation is keras.activations.linear


def _is_identity(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.layers.Identity)


def _is_fixed(operation: keras.Operation) -> bool:
    """Returns whether this is a batch norm with moving averages."""
    return isinstance(operation, BatchNorm) and operation.evaluation == "moving"


def _form(
    layer: keras.layers.Layer, config: dict, follower: BatchNorm | None
) -> tuple[Callable[[dict], keras.layers.Layer], dict, Weights]:
    """Returns the factory, the config and the weights of a layer for inference."""
    weights = layer.get_weights()
    if follower is not None:
        scale, shift = _scale_and_shift(follower)
        bias = weights[1] if layer.use_bias else 0
        weights = [weights[0] * scale, bias * scale + shift]
        return type(layer).from_config, {**config, "use_bias": True}, weights
    if _is_fixed(layer):
        scale, shift = _scale_and_shift(layer)
        config = {"kernel_size": 1, "name": layer.name, "dtype": config["dtype"]}
        weights = [scale.reshape(1, 1, -1, 1), shift]
        return keras.layers.DepthwiseConv2D.from_config, config, weights
    return type(layer).from_config, config, weights


def _scale_and_shift(bn: BatchNorm):
    """Returns the scale and the shift that equal the batch norm, float64 (C,)."""
    gamma, beta, mean, variance = (
        weight.numpy().astype("float64")
        for weight in (bn.gamma, bn.beta, bn.moving_mean, bn.moving_variance)
    )
    scale = gamma / (variance + bn.epsilon) ** 0.5
    return scale, beta - mean * scale
