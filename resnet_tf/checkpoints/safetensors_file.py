"""A strict reader of safetensors files.

The format has eight bytes with the length of the header, the header as JSON, and then
the bytes of the tensors: https://github.com/huggingface/safetensors.
"""

import math
import stat
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.checkpoints.torch_file import MAX_BYTES
from resnet_tf.checkpoints.torch_values import from_bfloat16
from resnet_tf.config import parse_object
from resnet_tf.errors import CheckpointError, MissingCheckpointError

SUFFIX = ".safetensors"
_LENGTH_BYTES, _MAX_HEADER, _MAX_DIMENSIONS = 8, 16 << 20, 16
_METADATA = "__metadata__"
_BFLOAT16 = "BF16"
_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    _BFLOAT16: "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def is_safetensors(path: Path) -> bool:
    """Returns whether a file has this format, by its name or first bytes."""
    if path.name.lower().endswith(SUFFIX):
        return True
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        head = file.read(_LENGTH_BYTES + 1)
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    return head[_LENGTH_BYTES:] == b"{" and length <= path.stat().st_size


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors by name, as read-only arrays; bfloat16 as float32.

    Raises:
        CheckpointError: If the file is missing or not valid: e.g. the header repeats a
            name or is too long, or the tensors do not fill the rest of the file one
            after another.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_BYTES:
            raise ValueError(f"it must be a file of at most {MAX_BYTES} bytes")
        with open(path, "rb") as file:
            header = _read_header(file, about.st_size)
            return _tensors(header, file.read())
    except FileNotFoundError as error:
        raise MissingCheckpointError(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{path} cannot be read as a safetensors file: {reason}"
        ) from error


def _read_header(file, file_size: int) -> dict[str, Any]:
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > min(_MAX_HEADER, file_size - _LENGTH_BYTES):
        raise ValueError(
            f"its header must lie in the file and have at most {_MAX_HEADER} bytes, "
            f"received {length}"
        )
    return parse_object(file.read(length), _MAX_HEADER)


def _tensors(header: dict[str, Any], data: bytes) -> dict[str, np.ndarray]:
    """Returns the arrays; raises unless they fill `data` without gaps."""
    entries = {name: about for name, about in header.items() if name != _METADATA}
    places = {name: _place(name, about) for name, about in entries.items()}
    end = 0
    for name, (first, last) in sorted(places.items(), key=lambda item: item[1]):
        if first != end or last > len(data):
            raise ValueError(f"the tensor {name!r:.80} must follow the one before it")
        end = last
    if end != len(data):
        raise ValueError(
            f"its tensors must fill the {len(data)} bytes after the header, received "
            f"{end}"
        )
    return {
        name: _array(entries[name], data, first) for name, (first, _) in places.items()
    }


def _place(name: str, about: Any) -> tuple[int, int]:
    """Returns the first and last byte offset of a tensor.

    Raises:
        ValueError: If its size does not match its shape, or the entry is not valid.
    """
    match about:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [first, last]}:
            numbers = (*shape, first, last)
            whole = all(type(x) is int and 0 <= x < 2**48 for x in numbers)
            if kind in _TYPES and len(about) == 3 and whole:
                if len(shape) <= _MAX_DIMENSIONS and last - first == _bytes(about):
                    return first, last
    raise ValueError(
        f"the tensor {name!r:.80} must have a known dtype, a shape and data_offsets "
        "that fit"
    )


def _bytes(about: dict[str, Any]) -> int:
    return math.prod(about["shape"]) * np.dtype(_TYPES[about["dtype"]]).itemsize


def _array(about: dict[str, Any], data: bytes, start: int) -> np.ndarray:
    array = np.ndarray(about["shape"], _TYPES[about["dtype"]], data, start)
    return from_bfloat16(array) if about["dtype"] == _BFLOAT16 else array
