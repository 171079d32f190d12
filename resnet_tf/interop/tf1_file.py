"""Reads the tensors of TensorFlow 1 checkpoints, without running code from the file.

A V1 checkpoint is one file named PREFIX. A V2 checkpoint consists of `PREFIX.index`
and `PREFIX.data-00000-of-00001`. `PREFIX.meta` is the graph of either kind and is
never read.
"""

import glob
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from resnet_tf.errors import CheckpointError

# The last bytes of a V1 file and of a V2 index; both are LevelDB tables.
_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_INDEX = ".index"
_MAX_BYTES = 4 << 30
_TYPES = {tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.int32, tf.int64}
_SUFFIX = re.compile(r"(?<=.)\.(index|meta|data-\d{5}-of-\d{5})$")


def checkpoint_prefix(path: str | Path) -> Path | None:
    """Returns the prefix of a checkpoint, or None if the path names no checkpoint.

    This reads only file names and the last eight bytes of a file.

    Args:
        path: Prefix of a V2 checkpoint, one of its files (`.index`, `.meta`,
            `.data-00000-of-00001`), or a V1 file.
    """
    path = Path(path)
    if suffix := _SUFFIX.search(path.name):
        path = path.with_name(path.name[: suffix.start()])
    if not path.name:
        return None
    if os.path.isfile(path.with_name(path.name + _INDEX)) or _is_v1(path):
        return path
    return None


def is_tf1(path: str | Path) -> bool:
    """Returns whether a path names a checkpoint; see `checkpoint_prefix`."""
    return checkpoint_prefix(path) is not None


def read_variables(path: str | Path) -> dict[str, np.ndarray]:
    """Returns the variables of a TF1 checkpoint by name.

    Args:
        path: See `checkpoint_prefix`.

    Raises:
        CheckpointError: If there is no checkpoint, or it is damaged.
    """
    prefix = checkpoint_prefix(path)
    if prefix is None:
        raise CheckpointError(f"{path} must be a checkpoint of TensorFlow 1")
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        _require_room(prefix, shapes, reader.get_variable_to_dtype_map())
        return {name: np.asarray(reader.get_tensor(name)) for name in sorted(shapes)}
    except Exception as error:  # the error type depends on the damage
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{prefix} cannot be read: {reason}") from error


def _require_room(prefix: Path, shapes: Mapping, types: Mapping) -> None:
    """Raises unless the files can hold the variables, and all are numbers.

    Raises:
        ValueError: If a checkpoint claims more numbers than its files have bytes, its
            files are too large, or a variable is not numeric.
    """
    held = sum(path.stat().st_size for path in checkpoint_files(prefix))
    claimed = sum(math.prod(shape) for shape in shapes.values())
    if not 0 <= claimed <= held <= _MAX_BYTES:
        raise ValueError(
            f"its files must hold the {claimed} numbers that they claim, in at most "
            f"{_MAX_BYTES} bytes, received {held} bytes"
        )
    if odd := [name for name in sorted(types) if types[name] not in _TYPES]:
        raise ValueError(f"{odd[0]:.80} must be numbers")


def checkpoint_files(prefix: Path) -> tuple[Path, ...]:
    """Returns the files that hold the variables of a checkpoint."""
    index = prefix.with_name(prefix.name + _INDEX)
    if not index.is_file():
        return (prefix,)
    parts = prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*-of-*")
    return (index, *sorted(parts))


def _is_v1(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            file.seek(-len(_MAGIC), os.SEEK_END)
            return file.read() == _MAGIC
    except OSError:  # missing, too short or not readable
        return False
