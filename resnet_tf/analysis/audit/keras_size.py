"""Checks the cost of building an untrusted Keras config before it is built."""

from collections.abc import Iterator
from typing import Any

import keras

# ResNet-1202 in plain Keras has 4,800 layers.
MAX_CALLS = 10_000
# Layers whose settings alone allocate memory, read other files or contain programs.
_NOT_OF_IMAGES = frozenset(
    "CategoryEncoding Discretization FlaxLayer HashedCrossing Hashing IntegerLookup "
    "JaxLayer MelSpectrogram STFTSpectrogram StringLookup TFSMLayer TextVectorization "
    "TorchModuleWrapper".split()
)


def require_affordable(config: dict[str, Any], file_bytes: int) -> None:
    """Raises unless a network is small enough for the file with its weights.

    The layers are built without memory for their weights, and the weights are counted.

    Args:
        config: The serialized network; all its classes are known.
        file_bytes: Size of the file in bytes.

    Raises:
        ValueError: If the network calls more than `MAX_CALLS` layers, has a layer that
            no image network uses, unrolls a loop, or has more weights than the file
            has bytes.
    """
    calls = _calls(config)
    if calls > MAX_CALLS:
        raise ValueError(f"it must call at most {MAX_CALLS:,} layers")
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        variables = getattr(model, "variables", ())
        numbers = sum(_size(variable.shape) for variable in variables)
    if numbers > file_bytes:
        raise ValueError(
            f"its {numbers:,} weights must be in the file, which has only "
            f"{file_bytes:,} bytes"
        )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= int(length)
    return size


def _calls(config: Any) -> int:
    """Returns the number of layer calls in one call of the network.

    Counting stops above `MAX_CALLS`. A nested network runs once for each of its nodes.
    """
    total = 0
    waiting = [(config, 1)]
    while waiting and total <= MAX_CALLS:
        item, times = waiting.pop()
        if isinstance(item, list):
            waiting.extend((part, times) for part in item)
        elif isinstance(item, dict):
            if "class_name" in item:
                _require_image_layer(item)
                times *= max(1, _nodes(item))
                total += times * _is_layer(item)
            waiting.extend((value, times) for value in _parts(item))
    return total


def _parts(item: dict[str, Any]) -> Iterator[Any]:
    """Yields the nested values of a config, except nodes, which only name tensors."""
    for key, value in item.items():
        if key != "inbound_nodes" and isinstance(value, dict | list):
            yield value


def _nodes(item: dict[str, Any]) -> int:
    nodes = item.get("inbound_nodes")
    return len(nodes) if isinstance(nodes, list) else 0


def _is_layer(item: dict[str, Any]) -> bool:
    config = item.get("config")
    return isinstance(config, dict) and "name" in config


def _require_image_layer(item: dict[str, Any]) -> None:
    config = item.get("config")
    if item["class_name"] in _NOT_OF_IMAGES:
        raise ValueError(f"{item['class_name']} is not a layer of an image network")
    if isinstance(config, dict) and config.get("unroll"):
        raise ValueError(f"{item['class_name']!r:.80} must not unroll its loop")
