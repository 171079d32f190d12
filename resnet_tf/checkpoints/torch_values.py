"""Conversion of a described PyTorch pickle to plain data.

Tensors become arrays and containers stay containers. Everything else becomes `Opaque`:
it is named but never created.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from resnet_tf.data.plain_pickle import (
    MAX_OPCODES,
    Call,
    OddKey,
    PersistentId,
    Symbol,
)

_MAX_DEPTH, _MAX_DIMENSIONS, _MAX_SIZE = 64, 16, 2**31

# Element types by storage name; bfloat16 is read as bits.
_BFLOAT16 = "BFloat16Storage"
TYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    _BFLOAT16: "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
# These functions wrap a tensor, their first argument.
_PARAMETERS = {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
}
# A tensor with attributes; its arguments are a function, a class and the arguments of
# the function.
_WITH_ATTRIBUTES = "torch._tensor._rebuild_from_type_v2"
_SIZE, _NAMESPACE = "torch.Size", "argparse.Namespace"
_DEFAULT_DICT = "collections.defaultdict"
_DICTS = {
    _DEFAULT_DICT,
    _NAMESPACE,
    "collections.Counter",
    "collections.OrderedDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
}
# The attributes of every pickled network.
_MODULE = {"_modules", "_parameters"}


class Opaque(NamedTuple):
    """An object that is not read.

    Attributes:
        name: Name of its class or function, e.g. "pathlib.PosixPath".
        is_module: Whether the object is a whole PyTorch network.
        hides_tensors: Whether its arguments or state contain tensors.
    """

    name: str
    is_module: bool = False
    hides_tensors: bool = False

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Storage(NamedTuple):
    """The type and number of elements of a storage, as the pickle states them."""

    kind: str
    count: int

    @property
    def num_bytes(self) -> int:
        return self.count * np.dtype(TYPES[self.kind]).itemsize

    def array(self, data: bytes, start: int = 0, order: str = "<") -> np.ndarray:
        """Returns the elements from byte `start` on."""
        dtype = np.dtype(order + TYPES[self.kind])
        array = np.ndarray((self.count,), dtype, data, start)
        return from_bfloat16(array) if self.kind == _BFLOAT16 else array


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Returns bfloat16 numbers as a read-only float32 array of the same shape.

    Args:
        bits: uint16 array: the upper halves of float32 numbers.
    """
    array = (bits.astype(np.uint32) << 16).view(np.float32)
    array.setflags(write=False)
    return array


def storages_in(value: object) -> dict[str, Storage]:
    """Returns the storages that a described pickle declares, by key.

    Storages of other types than `TYPES` are left out.

    Raises:
        ValueError: If a storage has two types or sizes, or no size.
    """
    found: dict[str, Storage] = {}
    for item in _objects(value):
        if isinstance(item, PersistentId) and (parsed := _parsed(item)):
            key, storage, _ = parsed
            if found.setdefault(key, storage) != storage:
                raise ValueError(f"storage {key!r:.40} must have one type and size")
    return found


def _parsed(item: PersistentId) -> tuple[str, Storage, tuple[int, int] | None] | None:
    """Returns a storage's key, its `Storage`, and the (start, length) of a part.

    The part is None for the whole storage. Returns None if the type is not
    supported.
    """
    match item.value:
        case ("storage", Symbol("torch", kind), str(key), str(), int(count), *rest):
            if kind in TYPES and 0 <= count < 2**48:
                match rest:
                    case [] | [None]:
                        return key, Storage(kind, count), None
                    case [(str(), int(start), int(length))]:
                        return key, Storage(kind, count), (start, length)
            elif kind.endswith("Storage") and kind not in TYPES:
                return None
        case ("storage", Symbol("torch.storage"), *_) | ("module", *_):
            return None
    raise ValueError("a storage is named otherwise than by PyTorch")


def _objects(value: object, seen: set[int] | None = None) -> Iterator[object]:
    """Yields every object in a described pickle once, at any depth.

    Args:
        value: The root of the walk.
        seen: Identities of objects to skip; identities of yielded objects are added.
    """
    waiting, seen = [value], set() if seen is None else seen
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, Call):
            parts = (item.function, item.args, item.state, item.items, item.elements)
            waiting.extend(parts)


class PlainValues:
    """Converts a described pickle to data; shared parts stay shared.

    Args:
        storages: Arrays of the storages, by key.
    """

    def __init__(self, storages: Mapping[str, np.ndarray]):
        self._storages = storages
        self._done: dict[int, object] = {}
        # A valid file copies each entry once, and no pickle has more entries than this.
        self._copies_left = MAX_OPCODES
        self._searched: set[int] = set()

    def __call__(self, item: object, depth: int = 0) -> Any:
        """Returns the data of an item.

        Raises:
            ValueError: If the item is nested too deep or copied too often, or a tensor
                lies outside its storage.
        """
        if depth > _MAX_DEPTH:
            raise ValueError(f"it must not be nested deeper than {_MAX_DEPTH}")
        if id(item) not in self._done:
            self._done[id(item)] = self._converted(
                item, lambda part: self(part, depth + 1)
            )
        return self._done[id(item)]

    def _converted(self, item: object, plain: Callable[[object], Any]) -> object:
        match item:
            case dict():
                return self._dict((item,), plain)
            case list() | tuple():
                return type(item)([plain(part) for part in item])
            case Symbol(module, name):
                return f"{module}.{name}"
            case PersistentId():
                return self._storage(item)
            case Call(Symbol(module, name)):
                return self._called(f"{module}.{name}", item.args, item, plain)
            case Call(function):
                return self._opaque(_name_of(function), item)
        return item

    def _storage(self, item: PersistentId) -> np.ndarray | Opaque:
        if (parsed := _parsed(item)) is None:
            return Opaque("storage")
        key, _, part = parsed
        array = self._storages[key]
        if part is None:
            return array
        start, length = part
        if min(part) < 0 or start + length > array.size:
            raise ValueError(f"a part of storage {key!r:.40} must lie within it")
        return array[start : start + length]

    def _called(
        self, name: str, args: tuple, call: Call, plain: Callable[[object], Any]
    ) -> object:
        """Returns the data that a call of a known function would have created."""
        match args:
            case (PersistentId() as stored, offset, size, stride, *_) if (
                name in _TENSORS
            ):
                storage = plain(stored)
                if isinstance(storage, Opaque):
                    return Opaque("tensor")
                return _view(storage, offset, plain(size), plain(stride))
            case (tensor, *_) if name in _PARAMETERS:
                return plain(tensor)
            case (Symbol(module, function), _, tuple() as inner, *_) if (
                name == _WITH_ATTRIBUTES
                and f"{module}.{function}" in _TENSORS | _PARAMETERS
            ):
                return self._called(f"{module}.{function}", inner, call, plain)
            case (tuple() as size,) if name == _SIZE:
                return plain(size)
        if name in _DICTS:
            args = args[1:] if name == _DEFAULT_DICT else args
            attributes = call.state if name == _NAMESPACE else ()
            return self._dict((*args, call.items, *attributes), plain)
        if call.items:
            # Items set by key are the data of a subclass of dict.
            return self._dict((call.items,), plain)
        if name in _TENSORS | _PARAMETERS or name.removeprefix("torch.") in TYPES:
            raise ValueError(f"a call of {name} does not have PyTorch's form")
        return self._opaque(name, call)

    def _opaque(self, name: str, call: Call) -> Opaque:
        is_module = any(
            isinstance(state, dict) and state.keys() >= _MODULE for state in call.state
        )
        # Each object is searched once, so a shared tensor counts only for the first.
        hidden = [
            _is_tensor(item)
            for part in (call.args, call.state, call.elements)
            for item in _objects(part, self._searched)
        ]
        return Opaque(name, is_module, any(hidden))

    def _dict(
        self, parts: Iterable[object], plain: Callable[[object], Any]
    ) -> dict[Any, Any]:
        """Returns one dict from several dicts or, as in Python 2, lists of pairs.

        Entries with an `OddKey` are left out, as no weight has one.
        """
        result: dict[Any, Any] = {}
        for part in parts:
            for key, value in _pairs(part):
                self._copies_left -= 1
                if self._copies_left < 0:
                    raise ValueError("its dicts must not share their entries so often")
                if isinstance(key, OddKey):
                    continue
                key = plain(key)
                if key in result:
                    raise ValueError(f"the key {key!r:.80} must occur once")
                result[key] = plain(value)
        return result


def _pairs(part: object) -> Iterator[tuple[object, object]]:
    if isinstance(part, dict):
        yield from part.items()
    elif isinstance(part, list):
        for pair in part:
            match pair:
                case [str(key), value]:
                    yield key, value
                case _:
                    raise ValueError("a dict must be made of named values")
    else:
        raise ValueError("a dict must be made of dicts and pairs")


def _name_of(function: object) -> str:
    """Returns a name for a callee that is not a `Symbol`."""
    match function:
        case PersistentId(("module", Symbol(module, name), *_)):
            return f"{module}.{name}"
        case Call(Symbol(module, name)):
            return f"{module}.{name}()"
    return "object"


def _is_tensor(item: object) -> bool:
    match item:
        case Call(Symbol(module, name)):
            return f"{module}.{name}" in _TENSORS
    return False


def _view(array: np.ndarray, offset: object, size: object, stride: object):
    """Returns the part of a storage that a tensor describes.

    It never has more elements than the storage, so the size of a copy is limited too.
    """
    if not all(isinstance(x, tuple) for x in (size, stride)) or not all(
        isinstance(n, int) and 0 <= n < _MAX_SIZE for n in (offset, *size, *stride)
    ):
        raise ValueError("a tensor must have a size and strides of whole numbers")
    if len(size) != len(stride) or len(size) > _MAX_DIMENSIONS:
        raise ValueError(f"a tensor must have a stride a dimension, received {size}")
    count = math.prod(size)
    if not count:
        return np.empty(size, array.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if count > array.size or last >= array.size:
        raise ValueError(
            f"a tensor of size {size} must lie within its storage of {array.size}"
        )
    bytes_each = array.itemsize
    strides = [bytes_each * s for s in stride]
    return np.ndarray(size, array.dtype, array, bytes_each * offset, strides)
