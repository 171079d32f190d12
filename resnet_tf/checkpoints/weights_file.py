"""A strict reader of `.weights.h5` files, which must hold plain numbers only.

HDF5 allows much more: data in other files, links out of the file, filters that expand a
few bytes to gigabytes, computed data sets. Keras uses none of these for our networks,
and this module refuses all of them.
"""

import contextlib
import functools
import hashlib
import io
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resnet_tf.checkpoints.files import MAX_WEIGHTS, read_bytes
from resnet_tf.errors import CheckpointError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TYPES = (np.dtype("<f4"), np.dtype("<f2"))
_MAX_OBJECTS, _MAX_DEPTH, _MAX_DIMENSIONS = 100_000, 16, 4
# Keras numbers the layers of a kind; the head is the only `Dense` of each network.
_HEAD = "layers/dense/vars/0"
# The group of the optimizer state of a compiled model.
_OPTIMIZER = "optimizer"

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class StoredWeights:
    """The bytes of a `.weights.h5`, read once; all methods use these bytes.

    The file can belong to a model that contains the network as its only layer with
    weights, e.g. a `Sequential` of the network and a softmax. The names are then the
    names inside the network. The optimizer state is never read.

    Attributes:
        path: Path of the file, for messages.
        content: Bytes of the file: contiguous float32 or float16 data sets in groups; a
            group can have a name.
    """

    path: Path
    content: bytes

    @classmethod
    def read(cls, path: Path, max_bytes: int = MAX_WEIGHTS) -> "StoredWeights":
        """Reads a file once.

        Args:
            path: The file.
            max_bytes: Maximum size of the file, checked before reading.

        Raises:
            CheckpointError: If the file is missing, too large or cannot be read.
        """
        return cls(path, read_bytes(path, max_bytes))

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @functools.cached_property
    def shapes(self) -> Shapes:
        """The shape of every weight by name, without reading the weights.

        Raises:
            CheckpointError: If the bytes are damaged or hold anything other than
                weights.
        """
        with self._opened() as file:
            weights = dict(_data_sets(file))
            if sum(weight.nbytes for weight in weights.values()) > len(self.content):
                raise ValueError("its weights must be no larger than the file")
            shapes = {name: weight.shape for name, weight in weights.items()}
        prefix = _wrapper(shapes)
        return {name.removeprefix(prefix): shape for name, shape in shapes.items()}

    @property
    def head_shape(self) -> tuple[int, ...] | None:
        """Shape of the head's kernel, or None without a head.

        Raises:
            CheckpointError: See `shapes`.
        """
        return self.shapes.get(_HEAD)

    def without_head(self) -> str:
        """Returns the words for a message on a file whose `head_shape` is None."""
        inner = [name for name in self.shapes if name.endswith(f"/{_HEAD}")]
        if not inner:
            return "none"
        found = f"none outside of other models: {inner[0]:.80}"
        if len(inner) > 1:
            return f"{found} and {inner[1]:.80}"
        prefix = inner[0].removesuffix(_HEAD)
        other = next(name for name in self.shapes if not name.startswith(prefix))
        return f"{found}, and {other:.80} of no network"

    def values(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields the name and values of every weight, float32 or float16.

        Raises:
            CheckpointError: If a number is not finite; and see `shapes`.
        """
        with self._opened() as file:
            weights = dict(_data_sets(file))
            prefix = _wrapper(weights)
            for name, item in weights.items():
                value = item[()]
                if not np.isfinite(value).all():
                    raise ValueError(f"weights must be finite, {name:.80} is not")
                yield name.removeprefix(prefix), value

    @contextlib.contextmanager
    def _opened(self) -> Iterator[h5py.File]:
        """Opens the bytes; every error of HDF5 becomes a CheckpointError."""
        try:
            # HDF5 itself would search for a signature later in the file.
            if not self.content.startswith(_SIGNATURE):
                raise ValueError("it is not an HDF5 file")
            with h5py.File(io.BytesIO(self.content), "r") as file:
                yield file
        except CheckpointError:
            raise
        except Exception as error:  # HDF5 raises many kinds of errors on damage
            raise unreadable(self.path, error) from error


def unreadable(path: Path, reason: object) -> CheckpointError:
    """Returns the one-line error for a file that cannot be read."""
    text = " ".join(str(reason).split())[:200]
    return CheckpointError(f"{path} cannot be read: {text}")


def _wrapper(names: Collection[str]) -> str:
    """Returns the prefix of all names in the file of a model that contains the network.

    It is "" for a file of the network itself.
    """
    heads = [name for name in names if name.endswith(f"/{_HEAD}")]
    if len(heads) != 1:
        return ""
    prefix = heads[0].removesuffix(_HEAD)
    return prefix if all(name.startswith(prefix) for name in names) else ""


def _data_sets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yields every data set with its path; raises for objects other than groups.

    The optimizer state is skipped.
    """
    waiting: list[tuple[str, h5py.Group, int]] = [("", file, 0)]
    seen: set[Any] = set()
    while waiting:
        prefix, group, depth = waiting.pop()
        for name in group:
            path = prefix + name
            if path == _OPTIMIZER:
                continue
            # This checks the link itself, so that a link out of the file is never
            # followed.
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{path:.80} must be no link to elsewhere")
            item = group[name]
            place = h5py.h5o.get_info(item.id).addr
            if place in seen or len(seen) >= _MAX_OBJECTS or depth >= _MAX_DEPTH:
                raise ValueError(f"{path:.80} must occur once, not deep, among few")
            seen.add(place)
            _require_few_notes(path, item)
            if isinstance(item, h5py.Group):
                waiting.append((f"{path}/", item, depth + 1))
            else:
                _require_plain(path, item)
                yield path, item


def _require_few_notes(path: str, item: h5py.HLObject) -> None:
    """Raises for attributes other than a group's name.

    Keras would cast values as an attribute says. The name itself is not read: HDF5
    would allocate as many bytes as it claims.
    """
    notes = list(item.attrs)
    if notes and (notes != ["name"] or not isinstance(item, h5py.Group)):
        raise ValueError(f"{path:.80} must have no attribute but a name")


def _require_plain(path: str, item: Any) -> None:
    """Raises unless an item is a contiguous array of floats in this file."""
    if not isinstance(item, h5py.Dataset):
        raise ValueError(f"{path:.80} must be an array or a group")
    if item.dtype not in _TYPES:
        raise ValueError(
            f"{path:.80} must be float32 or float16, received {item.dtype!s:.40}"
        )
    plain = (
        item.shape is not None
        and len(item.shape) <= _MAX_DIMENSIONS
        and not item.is_virtual
        and not item.external
        and item.chunks is None
        and item.id.get_create_plist().get_nfilters() == 0
    )
    if not plain or math.prod(item.shape) * item.dtype.itemsize != item.nbytes:
        raise ValueError(f"{path:.80} must be stored as it is, within the file")
    if item.id.get_storage_size() != item.nbytes:
        raise ValueError(f"{path:.80} must be stored whole")
