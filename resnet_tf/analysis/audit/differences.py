"""Describes in words how the weight shapes of two networks differ."""

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import NamedTuple

from resnet_tf.analysis.audit.weight_owners import BATCH_NORM, CONV, DENSE, OTHER, Owner

_WORDS = "no one two three four five six seven eight nine".split()
_MAX_LISTED = 3
# The noun for each kind of owner, and the key for the biases of convolutions.
_NOUNS = {
    CONV: "convolution",
    BATCH_NORM: "batch norm",
    DENSE: "dense layer",
    OTHER: "other layer",
}
_BIAS = "bias"


class _Item(NamedTuple):
    """One weight, or all weights of one layer, counted as one item.

    Attributes:
        label: Description, e.g. "3x3 16->32".
        size: Number of parameters.
        inputs: Input channels; 0 if the item has none.
        channels: Output channels; 0 if the item has none.
    """

    label: str
    size: int
    inputs: int = 0
    channels: int = 0


_Tally = dict[str, Counter[_Item]]


def differences(own: Iterable[Owner], reference: Iterable[Owner]) -> list[str]:
    """Returns the surplus and missing weights of `own`, each with its size.

    The sizes add up to the difference of the two parameter counts. Only the multisets
    of shapes are compared: two networks without a difference can still have the layers
    in another order or connect them in another way.

    Args:
        own: Weights of the network to check.
        reference: Weights of the reference network.

    Returns:
        Phrases, e.g. "+2,752 = projections at two transitions (...)".
    """
    own, reference = _tally(own), _tally(reference)
    more = {kind: own[kind] - reference[kind] for kind in own}
    less = {kind: reference[kind] - own[kind] for kind in own}
    phrases = []
    # Projections explain batch norms and biases too, so they come first.
    if not less[CONV]:
        phrases += _projections(more, +1)
    if not more[CONV]:
        phrases += _projections(less, -1)
    for kind, noun in _NOUNS.items():
        phrases += _exchanged(more[kind], less[kind], noun)
        if kind == CONV:
            phrases += _biases(more[_BIAS], +1) + _biases(less[_BIAS], -1)
    return phrases


def _tally(owners: Iterable[Owner]) -> _Tally:
    tally = {kind: Counter() for kind in (*_NOUNS, _BIAS)}
    for owner in owners:
        if owner.kind == CONV:
            tally[CONV].update(_kernel(shape) for shape in owner.kernels)
            last = _kernel(owner.kernels[-1])
            for (channels,) in owner.vectors:
                tally[_BIAS][last._replace(size=channels)] += 1
        else:
            tally[owner.kind][_layer(owner)] += 1
    return tally


def _kernel(shape: tuple[int, ...]) -> _Item:
    *window, inputs, outputs = shape
    label = f"{'x'.join(map(str, window))} {inputs}->{outputs}"
    return _Item(label, prod(shape), inputs, outputs)


def _layer(owner: Owner) -> _Item:
    """Returns a layer other than a convolution as one item."""
    if owner.kind == DENSE:
        inputs, outputs = owner.kernels[0]
        return _Item(f"{inputs}->{outputs}", owner.size)
    if owner.kind == BATCH_NORM:
        ((channels,), *second) = owner.vectors
        alone = "" if second else " with gamma or beta alone"
        return _Item(f"{channels} channels{alone}", owner.size, channels=channels)
    return _Item(f"{owner.size:,} numbers", owner.size)


def _projections(surplus: _Tally, sign: int) -> list[str]:
    """Removes projections from `surplus` and returns a phrase about them.

    Projections are 1x1 convolutions of shortcuts, with their biases and batch norms.
    If `surplus` has any other convolution, nothing is removed.
    """
    kernels = surplus[CONV]
    if not kernels or not all(item.label.startswith("1x1 ") for item in kernels):
        return []
    biases = Counter(
        {item._replace(size=item.channels): n for item, n in kernels.items()}
    )
    biases &= surplus[_BIAS]
    norms = _of_channels(surplus[BATCH_NORM], kernels)
    surplus[CONV] = Counter()
    surplus[_BIAS] -= biases
    surplus[BATCH_NORM] -= norms
    parts = {
        f"1x1 kernels {_listed(kernels).replace('1x1 ', '')}": _size(kernels),
        "their biases": _size(biases),
        "their batch norms": _size(norms),
    }
    total = sign * sum(parts.values())
    noun = "projections" if sign > 0 else "projections missing"
    widening = all(item.channels != item.inputs for item in kernels)
    places = _counted(kernels.total(), "transition" if widening else "shortcut")
    listed = ", ".join(f"{part}: {size:,}" for part, size in parts.items() if size)
    return [f"{total:+,} = {noun} at {places} ({listed})"]


def _of_channels(norms: Counter[_Item], kernels: Counter[_Item]) -> Counter[_Item]:
    """Returns at most one batch norm per kernel, with the kernel's output channels."""
    wanted = Counter()
    for kernel, count in kernels.items():
        wanted[kernel.channels] += count
    taken = Counter()
    for norm, count in norms.items():
        taken[norm] = min(count, wanted[norm.channels])
        wanted[norm.channels] -= taken[norm]
    return taken


def _biases(biases: Counter[_Item], sign: int) -> list[str]:
    if not biases:
        return []
    noun = "biases of" if sign > 0 else "biases missing in"
    places = _counted(biases.total(), "convolution")
    return [f"{sign * _size(biases):+,} = {noun} {places}"]


def _exchanged(more: Counter[_Item], less: Counter[_Item], noun: str) -> list[str]:
    """Returns a phrase, e.g. "+4,608 = one more convolution (3x3 16->32)"."""
    if not more and not less:
        return []
    if not less:
        text = f"{_counted(more.total(), f'more {noun}')} ({_listed(more)})"
    elif not more:
        text = f"{_counted(less.total(), noun)} missing ({_listed(less)})"
    else:
        text = (
            f"{_counted(more.total(), noun)} ({_listed(more)}) instead of "
            f"{_counted(less.total(), noun)} ({_listed(less)})"
        )
    return [f"{_size(more) - _size(less):+,} = {text}"]


def _size(items: Counter[_Item]) -> int:
    return sum(item.size * count for item, count in items.items())


def _listed(items: Counter[_Item]) -> str:
    labels = list(dict.fromkeys(item.label for item in items))
    if len(labels) > _MAX_LISTED:
        return ", ".join(labels[:_MAX_LISTED]) + " ..."
    *first, last = labels
    return f"{', '.join(first)} and {last}" if first else last


def _counted(count: int, noun: str) -> str:
    word = _WORDS[count] if count < len(_WORDS) else f"{count:,}"
    return f"{word} {noun}{'s' * (count != 1)}"
