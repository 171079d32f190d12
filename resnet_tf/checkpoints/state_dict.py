"""The search for the weights of a network in a file of another project.

Training loops store a network under "net", "state_dict", "ema" etc., and wrappers add
prefixes, e.g. "module.", to its names. So a network is found by the names of its first
layers, in any dict of the file and after any prefix.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resnet_tf.checkpoints.hints import conversion
from resnet_tf.checkpoints.normalizer import Normalizer, find_normalizer
from resnet_tf.checkpoints.safetensors_file import is_safetensors, read_safetensors
from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.checkpoints.torch_values import Opaque
from resnet_tf.errors import CheckpointError
from resnet_tf.streams import visible

StateDict = dict[str, np.ndarray]

# Parts of names that wrappers add and that no network here uses.
_WRAPPERS = frozenset(
    ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
)
# The first layers of the known networks, each after any prefix.
_FIRST = re.compile(
    r"(?:^|\.)(?=(?:"
    r"layer1\.0\.conv1|dense1\.0\.conv1|block1\.layer\.0\.conv1|input_net\.0|"
    r"features\.denseblock1\.denselayer1\.conv\.?1"
    r")\.weight$)"
)
# Names of tensors of a training that do not belong to the network.
_BESIDE = re.compile(
    r"(?:^|[._])(?:n_averaged|criterion|criteria|loss(?:es|_fn|_fun|_func)?|metrics?|"
    r"acc|accuracy|top[15]|auroc|f1|precision|recall|confmat|confusion_matrix)"
    r"(?:$|[._])"
)
_MAX_NAMED, _MOST_NOTED = 8, 4


class Weights(NamedTuple):
    """The network found in a file.

    Attributes:
        tensors: Tensors by their names in the network.
        key: Key of the network in the file, e.g. "ema_state_dict" or
            "state_dict.model"; "." for the top level.
        passed_over: Names of other tensors in the same dict, which are not used.
        data: The whole content of the file.
        normalizer: The mean and standard deviation of the images, if the file has them.
    """

    tensors: StateDict
    key: str
    passed_over: tuple[str, ...]
    data: Any
    normalizer: Normalizer | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the location of the network and on unused tensors."""
        notes = []
        if self.key != ".":
            notes.append(f"The network lies under `{visible(self.key)}` in the file.")
        if others := self.passed_over:
            some = ", ".join(f"`{visible(x[:80])}`" for x in others[:_MOST_NOTED])
            rest = len(others) - _MOST_NOTED
            more = f" and {rest} more" * (rest > 0)
            notes.append(f"Tensors outside of the network were skipped: {some}{more}.")
        return tuple(notes)


class _Place(NamedTuple):
    """A dict in the file, the keys that lead to it, and a prefix of its names."""

    path: tuple[str, ...]
    tensors: StateDict
    prefix: str

    @property
    def key(self) -> str:
        return self.full("").strip(".") or "."

    def full(self, name: str) -> str:
        """Returns the full name of a tensor, with the keys that lead to it.

        An empty name stands for the prefix.
        """
        return ".".join((*self.path, name or self.prefix))


def read_weights(path: Path, key: str | None = None, option: str = "--key") -> Weights:
    """Returns the weights of a network in a file of `torch.save` or safetensors.

    Args:
        path: The file.
        key: Key of the network in the file; see `find_weights`.
        option: Name of the option that takes a key, for messages.

    Raises:
        CheckpointError: If the file is missing or damaged; see `find_weights`.
    """
    data = read_safetensors(path) if is_safetensors(path) else read_torch(path)
    try:
        return find_weights(data, key, path, option)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def find_weights(
    data: Any,
    key: str | None = None,
    path: Path | None = None,
    option: str = "--key",
) -> Weights:
    """Returns the `Weights` of the network in the content of a file.

    Args:
        data: Value from `read_torch` or `read_safetensors`: tensors by name, in any
            nesting of dicts and lists, with any prefixes, together with anything else.
        key: Key of the network if the file holds several: a `Weights.key`, or the
            beginning of one.
        path: The file, for the command in the message about a whole network.
        option: Name of the option that takes a key, for messages.

    Raises:
        CheckpointError: If there are no tensors or several networks, or if `key`
            matches no network or several.
    """
    places = list(_places(data))
    networks = [found for place in places for found in _networks(place)]
    if not networks:
        _refuse_whole_networks(data, path or Path("x.pth"))
        _refuse_hidden_tensors(data)
    chosen = _chosen(networks or places, key)
    if not chosen:
        raise CheckpointError(_nothing(data, networks or places, key))
    if networks and len(chosen) > 1 and not _alike(chosen):
        known = ", ".join(repr(place.key) for place in chosen[:_MAX_NAMED])
        raise CheckpointError(
            f"it holds {len(chosen)} networks: choose one with {option}, which must "
            f"be one of {known}"
        )
    # Without a known network, the place with the most tensors describes the file best.
    place = chosen[0] if networks else max(chosen, key=lambda x: len(x.tensors))
    longer = [x.prefix for x in networks if x.path == place.path and x != place]
    wanted = option if networks and key is None else None
    normalizer = find_normalizer(_maybe_normalizers(places, place), place.full(""))
    return _weights(place, longer, data, wanted, normalizer)


def _places(data: Any) -> Iterator[_Place]:
    """Yields each dict with tensors once, even if it is shared."""
    for path, item in _items(data):
        entries = item.items() if isinstance(item, dict) else ()
        tensors = {
            name: value
            for name, value in entries
            if isinstance(name, str) and isinstance(value, np.ndarray)
        }
        if tensors:
            yield _Place(path, tensors, _shared_prefix(tensors))


def _items(data: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields each container and `Opaque` once, with the keys that lead to it."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), data)]
    seen = set()
    while waiting:
        path, item = waiting.pop()
        if id(item) in seen or not isinstance(item, dict | list | tuple):
            continue
        seen.add(id(item))
        yield path, item
        if isinstance(item, Opaque):
            continue
        entries = list(item.items() if isinstance(item, dict) else enumerate(item))
        waiting.extend(
            ((*path, str(name)[:80]), value) for name, value in reversed(entries)
        )


def _shared_prefix(names: Mapping[str, Any]) -> str:
    """Returns the prefix of wrappers that all names share, e.g. "module."."""
    prefix = ""
    while True:
        first = next(iter(names))[len(prefix) :].partition(".")
        longer = f"{prefix}{first[0]}."
        if first[0] not in _WRAPPERS or not all(x.startswith(longer) for x in names):
            return prefix
        prefix = longer


def _networks(place: _Place) -> Iterator[_Place]:
    """Yields a place for each network in a dict, by its prefix."""
    prefixes = set()
    for name in place.tensors:
        if name.endswith(".weight") and (prefix := _prefix(name)) is not None:
            prefixes.add(prefix)
    for prefix in sorted(prefixes, key=lambda x: (x.count("."), x)):
        yield place._replace(prefix=prefix)


def _prefix(name: str) -> str | None:
    """Returns the prefix before a network's first layer; None for other layers."""
    found = _FIRST.search(_unwrapped(name))
    if not found:
        return None
    # Wrappers also occur between the parts of the layer's own name.
    own, parts = _unwrapped(name)[found.end() :].split("."), name.split(".")
    while own:
        own = own[:-1] if parts.pop() == own[-1] else own
    return "".join(f"{part}." for part in parts)


def _unwrapped(name: str) -> str:
    if not any(wrapper in name for wrapper in _WRAPPERS):
        return name
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def _chosen(places: list[_Place], key: str | None) -> list[_Place]:
    if key is None:
        return places
    exact = [place for place in places if place.key == key]
    return exact or [place for place in places if place.key.startswith(f"{key}.")]


def _alike(places: list[_Place]) -> bool:
    """Returns whether all places hold the same network."""
    first, *others = ({**_own(place, ())} for place in places)
    return all(
        other.keys() == first.keys()
        and all(np.array_equal(other[name], first[name]) for name in first)
        for other in others
    )


def _own(place: _Place, longer: list[str] | tuple[()]) -> StateDict:
    """Returns the tensors of a network by its own names.

    Raises:
        CheckpointError: If a tensor has two names.
    """
    own: StateDict = {}
    for name, tensor in place.tensors.items():
        if not name.startswith(place.prefix) or _in_longer(name, place, longer):
            continue
        short = _unwrapped(name[len(place.prefix) :])
        if short in own:
            raise CheckpointError(f"the tensor {short!r:.80} must have one name")
        own[short] = tensor
    return own


def _in_longer(name: str, place: _Place, longer: list[str] | tuple[()]) -> bool:
    return any(
        len(prefix) > len(place.prefix) and name.startswith(prefix) for prefix in longer
    )


def _maybe_normalizers(places: list[_Place], network: _Place) -> StateDict:
    """Returns the tensors that can be a mean or deviation, by full name.

    A single number is accepted only in the network's own dict: other dicts hold
    statistics.
    """
    return {
        place.full(name): tensor
        for place in places
        for name, tensor in place.tensors.items()
        if not _BESIDE.search(name) and (tensor.size > 1 or place.path == network.path)
    }


def _weights(
    place: _Place,
    longer: list[str],
    data: Any,
    option: str | None,
    normalizer: Normalizer | None,
) -> Weights:
    """Returns the weights at a place, with the names of the unused tensors.

    Args:
        place: The place.
        longer: Longer prefixes in the same dict, which belong to other networks.
        data: The whole content of the file.
        option: Name of the option that takes a key, if a known network was found
            without a key; then no layer can lie outside of the network.
        normalizer: The normalizer, whose tensors are neither weights nor unused.

    Raises:
        CheckpointError: If a layer lies outside of the network.
    """
    if normalizer:
        place = place._replace(
            tensors={
                name: tensor
                for name, tensor in place.tensors.items()
                if place.full(name) not in normalizer.names
            }
        )
    own = _own(place, longer)
    network = {name: x for name, x in own.items() if not _BESIDE.search(name)}
    outside = [name for name in place.tensors if not name.startswith(place.prefix)]
    for name in outside if option else ():
        is_layer = name.endswith(".weight") and place.tensors[name].ndim > 1
        if is_layer and not _BESIDE.search(name):
            raise CheckpointError(
                f"it holds the layer {name[:80]!r} outside of the network "
                f"{place.key!r}, which has no place for it; to skip it, give "
                f"{place.key!r} to {option}"
            )
    passed_over = (*(name for name in own if name not in network), *outside)
    return Weights(network, place.key, passed_over, data, normalizer)


def _nothing(data: Any, places: list[_Place], key: str | None) -> str:
    """Returns the message for a file without weights under `key`."""
    if key is None or not places:
        return f"a state dict must be tensors by name, received {type(data).__name__}"
    known = ", ".join(repr(place.key) for place in places[:_MAX_NAMED])
    return f"key must be one of {known}, received {key!r:.80}"


def _refuse_whole_networks(data: Any, path: Path) -> None:
    for part, name in _whole_networks(data):
        line = conversion(path, "torch.load", part, "weights_only=False")
        raise CheckpointError(
            f"it holds a whole pickled network ({name}), not weights; if you trust "
            f"it (this runs its code), turn it into a state dict: {line}"
        )


def _refuse_hidden_tensors(data: Any) -> None:
    for path, item in _items(data):
        if isinstance(item, Opaque) and item.hides_tensors:
            where = f"under the key {'.'.join(path)!r:.80}" if path else "at the top"
            raise CheckpointError(
                f"it holds tensors in an object of the type {item.name!r:.80} {where}, "
                "which is not read: save a plain dict of tensors by name instead, e.g. "
                "dict(weights)"
            )


def _whole_networks(data: Any) -> Iterator[tuple[str, str]]:
    """Yields the Python expression that selects each pickled network, and its name."""
    if isinstance(data, Opaque):
        if data.is_module:
            yield "", data.name
    elif isinstance(data, dict):
        for name, value in data.items():
            is_network = isinstance(value, Opaque) and value.is_module
            if is_network and isinstance(name, str | int):
                yield f"[{json.dumps(name)}]", value.name


def read_state_dict(path: Path, key: str | None = None) -> StateDict:
    """Returns the tensors that `read_weights` finds; same arguments and errors."""
    return read_weights(path, key).tensors
