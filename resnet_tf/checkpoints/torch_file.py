"""A reader of `torch.save` files as data, without PyTorch and without running code.

There are two formats: a zip with a pickle and one member per storage (PyTorch 1.6 and
later), and the older format of five pickles followed by the storages. The pickle
becomes a description (`resnet_tf.data.plain_pickle`); a tensor is a view of its
storage.
"""

import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.checkpoints.hints import conversion
from resnet_tf.checkpoints.torch_values import PlainValues, storages_in
from resnet_tf.data.plain_pickle import PickleError, read_pickle
from resnet_tf.errors import CheckpointError, MissingCheckpointError

_ZIP = b"PK\x03\x04"
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_LOAD_PROGRAM = "torch.jit.load"
MAX_BYTES = 4 << 30


def read_torch(path: Path) -> Any:
    """Returns the object in a file of `torch.save`, as plain data.

    Args:
        path: A file in the format of PyTorch 1.6 and later, or in the older format.

    Returns:
        Values of dict, list, tuple, set, str, numbers and None. A tensor or parameter
        becomes a read-only array that shares its storage's memory, with bfloat16 as
        float32; the usual subclasses of dict become dict; a class becomes its dotted
        name. Any other object becomes `Opaque`: it is named but never created.

    Raises:
        CheckpointError: If the file is missing or damaged, claims more data than it
            holds, has a repeated key, names a function that reaches the system, or is a
            TorchScript program.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise ValueError(f"it must be a file of at most {MAX_BYTES} bytes")
        with open(path, "rb") as file:
            read = _read_zip if file.read(len(_ZIP)) == _ZIP else _read_legacy
        value, storages = read(path)
        return PlainValues(storages)(value)
    except _ProgramError as error:
        raise CheckpointError(
            f"{path} is a TorchScript program, not weights; if you trust it, turn it "
            f"into a state dict: {conversion(path, _LOAD_PROGRAM, '')}"
        ) from error
    except FileNotFoundError as error:
        raise MissingCheckpointError(f"{path} is missing") from error
    except Exception as error:  # each kind of damage raises a different error
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path} cannot be read as a PyTorch file: {reason}"
        ) from error


class _ProgramError(ValueError):
    """A file holds a TorchScript program."""


def _read_zip(path: Path) -> tuple[object, dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        root = _root(archive, path.stat().st_size)
        value, _ = read_pickle(archive.read(f"{root}/data.pkl"), None)
        order = "<"
        if f"{root}/byteorder" in archive.namelist():
            big = archive.read(f"{root}/byteorder") == b"big"
            order = ">" if big else "<"
        storages = {}
        for key, storage in storages_in(value).items():
            data = archive.read(f"{root}/data/{key}")
            if len(data) != storage.num_bytes:
                raise ValueError(
                    f"storage {key!r:.40} must have {storage.num_bytes} bytes, "
                    f"received {len(data)}"
                )
            storages[key] = storage.array(data, order=order)
    return value, storages


def _root(archive: zipfile.ZipFile, file_size: int) -> str:
    """Returns the folder of all members; raises if they are not safe to read.

    PyTorch does not compress members, so together they are no larger than the file.
    """
    members = archive.infolist()
    names = [member.filename for member in members]
    if any(name.partition("/")[2].startswith("code/") for name in names):
        raise _ProgramError
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
    # This pickle describes the machine that wrote the file; storages are little-endian.
    _, at = read_pickle(data, (), at)
    value, at = read_pickle(data, None, at)
    keys, at = read_pickle(data, (), at)
    declared = storages_in(value)
    is_list = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    if not is_list or sorted(keys) != sorted(declared):
        raise ValueError("its list of storages must match its tensors")
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
