"""A `.weights.h5` looked at before Keras reads it: plain numbers, and nothing else.

HDF5 can do much more: data in other files, links out of the file, filters that
expand a few bytes to gigabytes, data sets that are computed. None of it is in a file
that Keras writes of our networks, and all of it is refused here.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resnet_tf.errors import CheckpointError, MissingCheckpointError

MAX_BYTES = 4 << 30
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TYPES = (np.dtype("<f4"), np.dtype("<f2"))
_MAX_OBJECTS, _MAX_DEPTH, _MAX_DIMENSIONS = 100_000, 16, 4
# Keras numbers the layers of a kind; the head is the only `Dense` of each network.
_HEAD = "layers/dense/vars/0"

Shapes = dict[str, tuple[int, ...]]


def stored_shapes(path: Path) -> Shapes:
    """Returns the shape of every weight in a `.weights.h5` by its name.

    Nothing is allocated for the weights.

    Args:
        path: float32 or float16 data sets in groups, each in one piece of this
            file; a group may have a name.

    Raises:
        CheckpointError: If the file is missing, damaged or anything else than that.
    """
    with _opened(path) as file:
        weights = dict(_data_sets(file))
        if sum(weight.nbytes for weight in weights.values()) > os.path.getsize(path):
            raise _refused(path, "its weights must be no larger than the file")
        return {name: weight.shape for name, weight in weights.items()}


def head_shape(path: Path) -> tuple[int, ...] | None:
    """Returns the shape of the head's kernel, None if there is no head.

    Args:
        path: See `stored_shapes`.

    Raises:
        CheckpointError: See `stored_shapes`.
    """
    return stored_shapes(path).get(_HEAD)


def require_finite(path: Path) -> None:
    """Returns if every weight in a file is a finite number.

    Args:
        path: What `stored_shapes` has accepted.

    Raises:
        CheckpointError: If one is not, or the file cannot be read.
    """
    with _opened(path) as file:
        for name, item in _data_sets(file):
            if not np.isfinite(item[()]).all():
                raise _refused(path, f"weights must be finite, {name} is not")


class _opened:
    """The file while it is open; whatever HDF5 says against it is one error."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> h5py.File:
        path = self._path
        if not os.path.isfile(path):
            raise MissingCheckpointError(f"{path} is missing")
        try:
            with open(path, "rb") as file:
                if file.read(len(_SIGNATURE)) != _SIGNATURE:
                    raise _refused(path, "it is no HDF5 file")
                if os.fstat(file.fileno()).st_size > MAX_BYTES:
                    raise _refused(path, f"it must have at most {MAX_BYTES} bytes")
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise _refused(path, error) from error
        return self._file

    def __exit__(self, kind: type | None, error: BaseException | None, _: Any) -> None:
        self._file.close()
        if isinstance(error, Exception) and not isinstance(error, CheckpointError):
            raise _refused(self._path, error) from error


def _refused(path: Path, reason: object) -> CheckpointError:
    text = " ".join(str(reason).split())[:200]
    return CheckpointError(f"{path} cannot be read: {text}")


def _data_sets(file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yields every data set with its path, and refuses what is none or no group."""
    waiting: list[tuple[str, h5py.Group, int]] = [("", file, 0)]
    seen: set[Any] = set()
    while waiting:
        prefix, group, depth = waiting.pop()
        for name in group:
            path = prefix + name
            # Asked of the link, so that one out of the file is never followed.
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
    """Refuses attributes other than a group's name: Keras casts as one says.

    The name itself is not read: HDF5 would allocate as many bytes as it claims.
    """
    notes = list(item.attrs)
    if notes and (notes != ["name"] or not isinstance(item, h5py.Group)):
        raise ValueError(f"{path:.80} must have no attribute but a name")


def _require_plain(path: str, item: Any) -> None:
    """Refuses what is no array of floats in one piece of this file."""
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
