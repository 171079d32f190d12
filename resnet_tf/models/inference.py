"""Networks rewritten for inference: batch norm folded away, blocks opened.

Every block's `call` is run once on symbolic tensors, so that a network of any
family becomes one graph of plain layers and operations; the graph is then
rewritten by two rules, whatever network it came from.
"""

from collections import Counter
from collections.abc import Callable

import keras

from resnet_tf.layers import BatchNorm, Block
from resnet_tf.models.network import Network

Weights = list  # of arrays, in the order of `Layer.get_weights`


def optimize_for_inference(model: keras.Model, dtype: str | None = None) -> keras.Model:
    """Returns a network with the same outputs that is faster in inference.

    Batch norm by moving averages becomes part of the convolution before it, or,
    where there is none or something else needs that convolution's output, a
    scale and a shift of each channel: a 1x1 `DepthwiseConv2D`, into which
    TensorFlow's CPU kernels take the ReLU. Batch norm by the batch's own
    statistics (`bn_eval="batch"`) stays. In float32 the outputs are equal but for
    rounding.

    The result is made of copies: `model` stays as it is, and later changes of
    its weights do not reach the result. It cannot be trained.

    Args:
        model: A network of this package, alone or with `features`, in which no
            layer is used twice.
        dtype: Keras dtype policy of the layers that give maps, such as
            "mixed_bfloat16"; that of `model` if None. Pooling to one pixel and
            the head keep theirs, which is float32.

    Returns:
        A functional model of plain layers, inputs and outputs as those of
        `model`.

    Raises:
        ValueError: If `model` is not functional or `dtype` is unknown.
    """
    if not hasattr(model, "operations"):
        raise ValueError(
            f"model must be functional, received {type(model).__name__} {model.name!r}"
        )
    if dtype is not None:
        keras.dtype_policies.get(dtype)
    # Copies are of its class, so that they may be deep.
    model = Network(model.input, model.output, name=model.name)
    while any(isinstance(layer, Block) for layer in model.layers):
        model = _opened(model)
    folded = _folded(model, dtype)
    folded.trainable = False
    return folded


def _opened(model: keras.Model) -> keras.Model:
    """Returns a copy with the layers of each block in the block's place."""

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
    """Returns a copy without batch norm by moving averages."""
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
    # Keras writes no config for an Identity whose policy is an object.
    if _is_identity(operation):
        return keras.layers.Identity(name=operation.name)
    return type(operation).from_config(operation.get_config())


def _called(operation: keras.Operation, weights: dict[str, Weights], *args, **kwargs):
    """Returns the outputs of an operation, which gets its weights if a layer."""
    if _is_identity(operation):
        return args[0]
    outputs = operation(*args, **kwargs)
    if isinstance(operation, keras.layers.Layer):
        operation.set_weights(weights[operation.name])
    return outputs


def _followers(model: keras.Model) -> dict[str, BatchNorm]:
    """Returns the batch norms to fold, by the convolution that each follows."""
    makers, uses = _makers(model), _uses(model)
    found = {}
    for bn in filter(_is_fixed, model.operations):
        before = makers[id(bn.input)]
        if _is_bare_convolution(before) and uses[id(bn.input)] == 1:
            found[before.name] = bn
    return found


def _activated(model: keras.Model, followers: dict[str, BatchNorm]) -> dict[str, str]:
    """Returns the names of the ReLUs to fold, by the convolution that each follows.

    Args:
        model: The network.
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
    """Returns the operation that makes each tensor, by the tensor's id."""
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
    """Tells whether this is a batch norm that scales every batch alike."""
    return isinstance(operation, BatchNorm) and operation.evaluation == "moving"


def _form(
    layer: keras.layers.Layer, config: dict, follower: BatchNorm | None
) -> tuple[Callable[[dict], keras.layers.Layer], dict, Weights]:
    """Returns what makes a layer's form for inference, its config and weights."""
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
    """Returns float64 arrays (C,) that x is multiplied by, and that are added."""
    gamma, beta, mean, variance = (
        weight.numpy().astype("float64")
        for weight in (bn.gamma, bn.beta, bn.moving_mean, bn.moving_variance)
    )
    scale = gamma / (variance + bn.epsilon) ** 0.5
    return scale, beta - mean * scale
