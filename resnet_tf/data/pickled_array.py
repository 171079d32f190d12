"""NumPy arrays and numbers from the description in a pickle, without calls."""

import math

import numpy as np

from resnet_tf.data.plain_pickle import Call, Symbol

ARRAY_SYMBOLS = {
    f"{package}.{name}"
    for package in ("numpy.core", "numpy._core")
    for name in ("multiarray._reconstruct", "multiarray.scalar", "numeric._frombuffer")
} | {"numpy.ndarray", "numpy.dtype", "_codecs.encode"}

# Integers of 1 to 8 bytes; bool and float are not allowed.
_KINDS = {f"{sign}{size}" for sign in "iu" for size in (1, 2, 4, 8)}


class ArrayError(ValueError):
    """A value of a pickle is not an integer array or number."""


def read_array(value: object) -> np.ndarray:
    """Returns the integer array that a pickle describes, in any byte order.

    Args:
        value: Value from `read_pickle`, with `ARRAY_SYMBOLS` allowed; written by Python
            2 or 3 in any protocol.

    Returns:
        Read-only array of one or two dimensions.

    Raises:
        ArrayError: If the value is not such an array, in one line.
    """
    shape, kind, fortran, data = _parts(value)
    dtype = _dtype(kind)
    content = _content(data)
    # Not `np.prod`, which can overflow.
    size = math.prod(shape) * dtype.itemsize
    if len(content) != size:
        raise ArrayError(f"it must have {size} bytes, it has {len(content)}")
    order = "F" if fortran else "C"
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def read_int(value: object) -> int:
    """Returns the number that a pickled NumPy integer describes.

    Raises:
        ArrayError: If the value is not such a number, in one line.
    """
    match value:
        case Call(
            Symbol("numpy.core.multiarray" | "numpy._core.multiarray", "scalar"),
            (kind, data),
        ):
            content, dtype = _content(data), _dtype(kind)
            if len(content) == dtype.itemsize:
                return int(np.frombuffer(content, dtype)[0])
    raise ArrayError(f"received {type(value).__name__}")


def _parts(value: object) -> tuple[tuple[int, ...], object, bool, object]:
    """Returns (shape, type, whether the order is Fortran's, bytes)."""
    match value:
        case Call(
            Symbol("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct"),
            (Symbol("numpy", "ndarray"), *_),
            state=[(int(), tuple(shape), kind, bool(fortran), data)],
        ):
            pass
        # Protocol 5.
        case Call(
            Symbol("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer"),
            (data, kind, tuple(shape), ("C" | "F") as order),
        ):
            fortran = order == "F"
        case _:
            raise ArrayError(f"received {type(value).__name__}")
    known = all(type(side) is int and 0 <= side < 2**31 for side in shape)
    if not known or len(shape) not in (1, 2):
        raise ArrayError("it must have one or two dimensions")
    return shape, kind, fortran, data


def _dtype(value: object) -> np.dtype:
    match value:
        case Call(Symbol("numpy", "dtype"), (str(kind), *_), state=[(_, order, *_)]):
            kind = kind.lstrip("|<>=")
            if kind in _KINDS and order in ("<", ">", "|", "="):
                return np.dtype(order.replace("|", "=") + kind)
    raise ArrayError("its type must be one of whole numbers")


def _content(data: object) -> bytes:
    """Returns the bytes of an array that Python 2 or 3 wrote, or empty bytes."""
    match data:
        case bytes():
            return data
        case str(text) | Call(Symbol("_codecs", "encode"), (str(text), "latin1")):
            return text.encode("latin-1", "ignore")
    return b""
