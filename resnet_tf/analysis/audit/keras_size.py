"""What building a stranger's Keras config would cost, before it is built."""

from collections.abc import Iterator
from typing import Any

import keras

# ResNet-1202 in plain Keras has 4,800 layers.
MAX_CALLS = 10_000
# Layers that allocate by their settings alone, read other files or hold programs.
_NOT_OF_IMAGES = frozenset(
    "CategoryEncoding Discretization FlaxLayer HashedCrossing Hashing IntegerLookup "
    "JaxLayer MelSpectrogram STFTSpectrogram StringLookup TFSMLayer TextVectorization "
    "TorchModuleWrapper".split()
)


def require_affordable(config: dict[str, Any], file_bytes: int) -> None:
    """Raises unless a network is as small as the file that holds its weights.

    The layers are built without memory for their weights, then counted.

    Args:
        config: The serialised network; its classes are known.
        file_bytes: Size of the file.

    Raises:
        ValueError: If it calls more than `MAX_CALLS` layers, has a layer that is no
            part of an image network, unrolls a loop, or has more numbers than the
            file has bytes.
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
            f"its {numbers:,} numbers must lie in the file, which has only "
            f"{file_bytes:,} bytes"
        )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= int(length)
    return size


def _calls(config: Any) -> int:
    """Returns how many layers run when a network is called; above `MAX_CALLS` it
    stops counting.

    A network within a network runs once for each of its nodes.
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
    """Yields what a config nests; nodes only name tensors."""
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
        raise ValueError(f"{item['class_name']} is no layer of an image network")
    if isinstance(config, dict) and config.get("unroll"):
        raise ValueError(f"{item['class_name']!r:.80} must not unroll its loop")
