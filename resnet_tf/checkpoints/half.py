"""Weight files of half the size: kernels in float16.

Keras casts the kernels back when it loads them. So the network still computes in
float32, with weights rounded to 11 bits.
"""

from pathlib import Path

import h5py
import numpy as np

from resnet_tf.errors import CheckpointError


def write_half(source: Path, target: Path) -> None:
    """Writes a copy of a `.weights.h5` with its kernels in float16.

    Vectors stay float32: batch norm needs the precision, and they are small.

    Args:
        source: Path of the weights.
        target: Path of the copy, another one.

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
