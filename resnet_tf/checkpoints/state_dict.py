"""The weights in a file of `torch.save`: tensors by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.errors import CheckpointError

StateDict = dict[str, np.ndarray]


def read_state_dict(path: Path) -> StateDict:
    """Returns the tensors by name in a file of `torch.save`.

    Args:
        path: A state dict, or a dict that has it, see `state_dict_of`.

    Raises:
        CheckpointError: See `read_torch` and `state_dict_of`.
    """
    data = read_torch(path)
    try:
        return state_dict_of(data)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def state_dict_of(data: Any) -> StateDict:
    """Returns the tensors by name in what `read_torch` returned.

    Args:
        data: A state dict, or a dict that has one under "state_dict", as
            training loops and Lightning write it, or "model", as torchvision's
            do. The prefix "module." of `DataParallel` is taken off.

    Raises:
        CheckpointError: If there is none, or it holds anything but tensors.
    """
    for key in ("state_dict", "model"):
        if isinstance(data, dict) and isinstance(data.get(key), dict):
            data = data[key]
            break
    if not isinstance(data, dict) or not data:
        raise CheckpointError(
            f"a state dict must be tensors by name, received {type(data).__name__}"
        )
    for name, value in data.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise CheckpointError(
                "a state dict must hold only tensors, received "
                f"{type(value).__name__} under {name!r:.80}"
            )
    return without_prefix(data, "module.")


def without_prefix(state_dict: Mapping[str, np.ndarray], prefix: str) -> StateDict:
    """Returns the state dict without `prefix` where all its names have it."""
    if not all(name.startswith(prefix) for name in state_dict):
        return dict(state_dict)
    return {name.removeprefix(prefix): x for name, x in state_dict.items()}
