"""Weights on disk in half of the bytes: kernels in float16.

Keras casts them back when it loads them, so that the network computes in float32 as
before, with weights that are rounded to 11 bits.
"""

from pathlib import Path

import h5py
import numpy as np

from resnet_tf.errors import CheckpointError


def write_half(source: Path, target: Path) -> None:
    """Writes a `.weights.h5` anew with its kernels in float16.

    Vectors stay float32: those of batch norm need it, and they are few.

    Args:
        source: The weights.
        target: Another path.

    Raises:
        CheckpointError: If a weight is too large for float16.
    """
    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                made = new.create_dataset(name, data=_rounded(item, source))
            else:
                made = new.require_group(name)
            made.attrs.update(item.attrs)

        old.visititems(copy)


def _rounded(item: h5py.Dataset, source: Path) -> np.ndarray:
    values = item[()]
    if values.ndim < 2:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise CheckpointError(
            f"{source} must have weights of at most {np.finfo(np.float16).max:.0f} for "
            f"float16, received {np.abs(values).max():g} in {item.name}"
        )
    return half
