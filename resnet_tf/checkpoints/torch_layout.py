"""Conversion of PyTorch's tensors to our weights: their kinds and axes.

Convolution kernels are (O, I, H, W) in PyTorch and (H, W, I, O) here; kernels of the
dense head are (classes, channels) in PyTorch and (channels, classes) here.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.errors import CheckpointError

_COUNTER, _VARIANCE = ".num_batches_tracked", ".running_var"
_KINDS = {
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# The order of our axes in PyTorch's layout, by the number of dimensions.
_THEIR_AXES = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}


def without_counters(state_dict: Mapping[str, np.ndarray]) -> StateDict:
    """Returns the tensors without the counters `num_batches_tracked`."""
    return {name: x for name, x in state_dict.items() if not name.endswith(_COUNTER)}


def assign_tensors(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    layer_name: Callable[[str], str | None],
    owner: str,
) -> int:
    """Assigns tensors to the model; every tensor must be used.

    Args:
        model: The network.
        tensors: Tensors by PyTorch's names, without counters.
        layer_name: Function from the name of one of our layers, e.g.
            "stage1_block1/conv1", to PyTorch's name; None leaves the layer unchanged.
        owner: Owner and name of the network, for messages.

    Returns:
        The number of weights assigned.

    Raises:
        CheckpointError: If a tensor is missing, has another shape, has values that are
            not finite floating-point numbers, or does not belong to the network; the
            model is then unchanged.
    """
    left, found = dict(tensors), []
    for weight in model.weights:
        layer, _, kind = weight.path.rpartition("/")
        theirs = layer_name(layer)
        if theirs is None:
            continue
        name = f"{theirs}.{_KINDS[kind]}"
        if name not in left:
            raise CheckpointError(f"{owner} must have the tensor {name}")
        found.append((weight, _in_our_layout(left.pop(name), weight, name)))
    if left:
        raise CheckpointError(f"{owner} must have no tensor {min(left)!r:.80}")
    for weight, value in found:
        weight.assign(value)
    return len(found)


def require_tensors(
    tensors: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    owner: str,
) -> None:
    """Raises unless tensors have exactly the names and shapes of a network.

    Args:
        tensors: Tensors by PyTorch's names, without counters.
        shapes: The required shape of each tensor.
        owner: Owner and name of the network, for messages.

    Raises:
        CheckpointError: If a tensor is missing, has another shape or does not belong to
            the network, or if tensors share memory.
    """
    for name, shape in shapes.items():
        if name not in tensors:
            raise CheckpointError(f"{owner} must have the tensor {name}")
        _require_shape(name, tensors[name], shape)
    if left := tensors.keys() - shapes.keys():
        raise CheckpointError(f"{owner} must have no tensor {min(left)!r:.80}")
    require_own_memory(tensors, owner)


def require_own_memory(tensors: Mapping[str, np.ndarray], owner: str) -> None:
    """Raises if tensors share memory.

    Otherwise a small file could claim a large network.

    Raises:
        CheckpointError: If tensors share memory.
    """
    spans = sorted(
        (*np.lib.array_utils.byte_bounds(x), x.nbytes, name)
        for name, x in tensors.items()
        if x.size
    )
    end = 0
    for first, last, num_bytes, name in spans:
        if first < end or num_bytes > last - first:
            raise CheckpointError(
                f"{owner} must have memory of its own for the tensor {name}"
            )
        end = last


def _require_shape(name: str, tensor: np.ndarray, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape:
        raise CheckpointError(
            f"the tensor {name} must have the shape {shape}, received {tensor.shape}"
        )


def head_classes(state_dict: Mapping[str, np.ndarray], head: str, owner: str) -> int:
    """Returns the number of classes of the dense head.

    Args:
        state_dict: Tensors by name.
        head: PyTorch's name of the layer.
        owner: Owner and name of the network, for the message.

    Raises:
        CheckpointError: If the head is missing.
    """
    name = f"{head}.bias"
    bias = state_dict.get(name)
    if bias is None or bias.ndim != 1:
        raise CheckpointError(f"{owner} must have the tensor {name}")
    return bias.size


def _in_our_layout(tensor: np.ndarray, weight: keras.Variable, name: str) -> np.ndarray:
    axes = _THEIR_AXES[len(weight.shape)]
    shape = tuple(weight.shape[axis] for axis in axes)
    _require_shape(name, tensor, shape)
    if not np.issubdtype(tensor.dtype, np.floating):
        raise CheckpointError(
            f"the tensor {name} must be of floating-point numbers, received "
            f"{tensor.dtype}"
        )
    with np.errstate(over="ignore"):
        values = tensor.astype(np.float32)
    if not np.isfinite(values).all():
        raise CheckpointError(f"the tensor {name} must be finite in float32")
    if name.endswith(_VARIANCE) and values.min() < 0:
        raise CheckpointError(
            f"the tensor {name} must be at least 0, received {values.min():g}"
        )
    return values.transpose(np.argsort(axes))
