"""Files of `torch.save` read as data: without PyTorch, and nothing in them runs.

Two formats: a zip with a pickle and one member a storage (PyTorch 1.6 and later),
and before it five pickles followed by the storages. The pickle is only described
(`resnet_tf.data.plain_pickle`); a tensor is a view of its storage.
"""

import math
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resnet_tf.data.plain_pickle import (
    Call,
    PersistentId,
    PickleError,
    Symbol,
    read_pickle,
)
from resnet_tf.errors import CheckpointError, MissingCheckpointError

_ZIP = b"PK\x03\x04"
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MAX_DEPTH, _MAX_DIMENSIONS, _MAX_SIZE = 64, 16, 2**31
MAX_BYTES = 4 << 30

# Element types by the name of the storage; bfloat16 is read as its bits.
_BFLOAT16 = "BFloat16Storage"
_TYPES = {
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
# What wraps the tensor that is its first argument.
_PARAMETERS = {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
}
_SIZE, _NAMESPACE = "torch.Size", "argparse.Namespace"
_DICTS = {
    _NAMESPACE,
    "collections.Counter",
    "collections.OrderedDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
}
# Old Lightning names the state of a callback by its class.
_NAMES = {
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
}
_ALLOWED = frozenset(
    {f"torch.{name}" for name in _TYPES}
    | _TENSORS
    | _PARAMETERS
    | _DICTS
    | _NAMES
    | {_SIZE}
)


def read_torch(path: Path) -> Any:
    """Returns the object in a file of `torch.save`, as plain data.

    Args:
        path: A file in the format of PyTorch 1.6 and later or in the one before.

    Returns:
        dict, list, tuple, set, str, numbers and None. A tensor or a parameter is a
        read-only array that shares its storage's memory, bfloat16 as float32;
        subclasses of dict are dict; a class is its dotted name.

    Raises:
        CheckpointError: If the file is missing or damaged, claims more than it
            holds, or names a class or function that is not of such data.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise ValueError(f"it must be a file of at most {MAX_BYTES} bytes")
        with open(path, "rb") as file:
            read = _read_zip if file.read(len(_ZIP)) == _ZIP else _read_legacy
        value, storages = read(path)
        return _Plain(storages)(value)
    except FileNotFoundError as error:
        raise MissingCheckpointError(f"{path} is missing") from error
    except Exception as error:  # each damage raises a kind of its own
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path} cannot be read as a PyTorch file: {reason}"
        ) from error


class _Storage(NamedTuple):
    """What the pickle says of a storage: its type and its number of elements."""

    kind: str
    count: int

    @property
    def num_bytes(self) -> int:
        return self.count * np.dtype(_TYPES[self.kind]).itemsize

    def array(self, data: bytes, start: int = 0, order: str = "<") -> np.ndarray:
        """Returns the elements that begin at byte `start`, as they lie there."""
        dtype = np.dtype(order + _TYPES[self.kind])
        array = np.ndarray((self.count,), dtype, data, start)
        if self.kind == _BFLOAT16:
            # The upper half of a float32.
            array = (array.astype(np.uint32) << 16).view(np.float32)
            array.setflags(write=False)
        return array


def _read_zip(path: Path) -> tuple[object, dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        root = _root(archive, path.stat().st_size)
        value, _ = read_pickle(archive.read(f"{root}/data.pkl"), _ALLOWED)
        order = "<"
        if f"{root}/byteorder" in archive.namelist():
            big = archive.read(f"{root}/byteorder") == b"big"
            order = ">" if big else "<"
        storages = {}
        for key, storage in _storages(value).items():
            data = archive.read(f"{root}/data/{key}")
            if len(data) != storage.num_bytes:
                raise ValueError(
                    f"storage {key!r:.40} must have {storage.num_bytes} bytes, "
                    f"received {len(data)}"
                )
            storages[key] = storage.array(data, order=order)
    return value, storages


def _root(archive: zipfile.ZipFile, file_size: int) -> str:
    """Returns the folder of all members, once nothing speaks against reading them.

    PyTorch stores them as they are, so together they are no larger than the file.
    """
    members = archive.infolist()
    names = [member.filename for member in members]
    roots = {name.partition("/")[0] for name in names}
    if len(set(names)) != len(names):
        raise ValueError("the names of its members must be unique")
    if any("\\" in name or ".." in name.split("/") for name in names) or "" in roots:
        raise ValueError("the names of its members must stay in their folder")
    if len(roots) != 1:
        raise ValueError(f"it must hold one folder, received {len(roots)}")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members must not be compressed")
    if sum(member.file_size for member in members) > file_size:
        raise ValueError("its members must not be larger than the file")
    return roots.pop()


def _read_legacy(path: Path) -> tuple[object, dict[str, np.ndarray]]:
    data = path.read_bytes()
    try:
        magic, at = read_pickle(data, ())
    except PickleError:
        magic = None
    if magic != _MAGIC:
        raise ValueError("it begins neither as a zip nor with PyTorch's magic number")
    protocol, at = read_pickle(data, (), at)
    if protocol != _PROTOCOL:
        raise ValueError(f"its protocol must be {_PROTOCOL}")
    # The description of the machine that wrote it; storages are little-endian.
    _, at = read_pickle(data, (), at)
    value, at = read_pickle(data, _ALLOWED, at)
    keys, at = read_pickle(data, (), at)
    declared = _storages(value)
    is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not is_list or sorted(keys) != sorted(declared):
        raise ValueError("its list of storages must be that of its tensors")
    storages = {}
    for key in keys:
        storage = declared[key]
        count, at = int.from_bytes(data[at : at + 8], "little"), at + 8
        if count != storage.count:
            raise ValueError(
                f"storage {key!r:.40} must have {storage.count} elements, received "
                f"{count}"
            )
        if at + storage.num_bytes > len(data):
            raise ValueError(
                f"storage {key!r:.40} must have {storage.num_bytes} bytes, received "
                f"{max(0, len(data) - at)}"
            )
        storages[key] = storage.array(data, at)
        at += storage.num_bytes
    return value, storages


def _storages(value: object) -> dict[str, _Storage]:
    """Returns what the pickle says of each storage, by key."""
    found: dict[str, _Storage] = {}
    for item in _objects(value):
        if isinstance(item, PersistentId):
            key, storage, _ = _parsed(item)
            if found.setdefault(key, storage) != storage:
                raise ValueError(f"storage {key!r:.40} must have one type and size")
    return found


def _parsed(item: PersistentId) -> tuple[str, _Storage, tuple[int, int] | None]:
    """Returns a storage's key, what is said of it, and the (start, length) of the
    part that is meant, or None for all of it."""
    match item.value:
        case ("storage", Symbol("torch", kind), str(key), str(), int(count), *rest):
            if kind in _TYPES and 0 <= count < 2**48:
                match rest:
                    case [] | [None]:
                        return key, _Storage(kind, count), None
                    case [(str(), int(start), int(length))]:
                        return key, _Storage(kind, count), (start, length)
    raise ValueError("a storage is named otherwise than by PyTorch")


def _objects(value: object) -> Iterator[object]:
    """Yields every object in a described pickle once, at any depth."""
    waiting, seen = [value], set()
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
            waiting.extend((item.args, item.state, item.items, item.elements))


class _Plain:
    """Turns a described pickle into data; what is shared stays shared.

    Args:
        storages: The arrays by key.
    """

    def __init__(self, storages: Mapping[str, np.ndarray]):
        self._storages = storages
        self._done: dict[int, object] = {}

    def __call__(self, item: object, depth: int = 0) -> Any:
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
                return {plain(key): plain(value) for key, value in item.items()}
            case list() | tuple():
                return type(item)(plain(part) for part in item)
            case Symbol(module, name):
                return f"{module}.{name}"
            case PersistentId():
                return self._storage(item)
            case Call(Symbol(module, name), args):
                return _called(f"{module}.{name}", args, item, plain)
        return item

    def _storage(self, item: PersistentId) -> np.ndarray:
        key, _, part = _parsed(item)
        array = self._storages[key]
        if part is None:
            return array
        start, length = part
        if min(part) < 0 or start + length > array.size:
            raise ValueError(f"a part of storage {key!r:.40} must lie within it")
        return array[start : start + length]


def _called(name: str, args: tuple, call: Call, plain: Callable[[object], Any]):
    """Returns the data that a call of a known function would have made."""
    match args:
        case (PersistentId() as storage, offset, size, stride, *_) if name in _TENSORS:
            return _view(plain(storage), offset, plain(size), plain(stride))
        case (tensor, *_) if name in _PARAMETERS:
            return plain(tensor)
        case (tuple() as size,) if name == _SIZE:
            return plain(size)
        case _ if name in _DICTS:
            attributes = call.state if name == _NAMESPACE else ()
            return _dict((*args, call.items, *attributes), plain)
    raise ValueError(f"a call of {name} is none of PyTorch's")


def _dict(parts: Iterable[object], plain: Callable[[object], Any]) -> dict:
    """Returns one dict of several, or of lists of pairs, as Python 2 wrote them."""
    result = {}
    for part in parts:
        match part:
            case dict():
                result |= plain(part)
            case list():
                for pair in part:
                    match pair:
                        case [str(key), value]:
                            result[key] = plain(value)
                        case _:
                            raise ValueError("a dict must be made of named values")
            case _:
                raise ValueError("a dict must be made of dicts and pairs")
    return result


def _view(array: np.ndarray, offset: object, size: object, stride: object):
    """Returns the part of a storage that a tensor shows.

    It never has more elements than the storage, so a copy of it is bounded too.
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
