"""Recognizes residual networks of several PyTorch projects by their tensors.

All name their layers `conv1`, `bn1` and `layer1.0.conv1`, as torchvision does. They
differ in the head (`linear` or `fc`), the shortcut (no tensors, `shortcut` or
`downsample`), the number of stages and the side of the first kernel.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from resnet_tf.checkpoints.state_dict import StateDict
from resnet_tf.checkpoints.torchvision import resnet_layer
from resnet_tf.config import HEAD
from resnet_tf.errors import CheckpointError

_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.")


class Structure(NamedTuple):
    """The structure of a residual network, read from its names and first kernel.

    Attributes:
        lengths: Number of blocks in each stage.
        head: Name of the head, "linear" or "fc".
        shortcut: Name of the shortcut, "shortcut" or "downsample"; "" for a shortcut
            without tensors.
        stem_side: Side of the first kernel, 0 without a first kernel.
        bottleneck: Whether a block has a third convolution.
        preactivated: Whether there is no batch norm after the first convolution.
    """

    lengths: tuple[int, ...]
    head: str
    shortcut: str
    stem_side: int
    bottleneck: bool
    preactivated: bool


def structure(tensors: StateDict) -> Structure | None:
    """Returns the structure of a residual network, or None for other networks."""
    layers = {name.rpartition(".")[0] for name in tensors}
    heads = [head for head in ("linear", "fc") if head in layers]
    if len(heads) != 1 or "layer1.0.conv1" not in layers:
        return None
    blocks: dict[int, set[int]] = {}
    for layer in layers:
        if place := _BLOCK.match(layer):
            blocks.setdefault(int(place[1]), set()).add(int(place[2]))
    stem = tensors.get("conv1.weight")
    kinds = [
        kind
        for kind in ("shortcut", "downsample")
        if any(f".{kind}." in layer for layer in layers)
    ]
    return Structure(
        tuple(len(blocks[stage]) for stage in sorted(blocks)),
        heads[0],
        kinds[0] if kinds else "",
        stem.shape[-1] if stem is not None and stem.ndim == 4 else 0,
        "layer1.0.conv3" in layers,
        "bn1" not in layers and "layer1.0.bn1" in layers,
    )


def layer_names(found: Structure) -> Callable[[str], str]:
    """Returns a function from our names of layers to the names in the file."""

    def name(layer: str) -> str:
        if layer == HEAD:
            return found.head
        theirs = resnet_layer(layer)
        return theirs.replace(".downsample.", f".{found.shortcut or 'downsample'}.")

    return name


def equal_lengths(found: Structure, owner: str) -> int:
    """Returns the number of blocks in each stage.

    Raises:
        CheckpointError: If the stages differ in length.
    """
    if len(set(found.lengths)) != 1:
        raise CheckpointError(
            f"{owner} must have the same number of blocks in each stage, received "
            f"{', '.join(map(str, found.lengths))}"
        )
    return found.lengths[0]


def known_lengths(found: Structure, known: Mapping[tuple[int, ...], str]) -> str:
    """Returns the name of the registered network with these stages.

    Raises:
        CheckpointError: If no registered network has them.
    """
    kind = "bottleneck " * found.bottleneck + "pre-activation " * found.preactivated
    if kind or found.lengths not in known:
        names = ", ".join(
            f"{name} ({'-'.join(map(str, lengths))})" for lengths, name in known.items()
        )
        raise CheckpointError(
            f"a residual network with a {found.stem_side}x{found.stem_side} stem must "
            f"have the basic blocks of {names}, received {kind}stages of "
            f"{'-'.join(map(str, found.lengths))}"
        )
    return known[found.lengths]
