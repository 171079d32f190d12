"""Groups a network's weights by the layer that owns them."""

from collections.abc import Sequence
from itertools import groupby
from math import prod
from typing import NamedTuple

import keras

CONV, BATCH_NORM, DENSE, OTHER = "conv", "batch_norm", "dense", "other"
Shape = tuple[int, ...]


class Owner(NamedTuple):
    """One layer's trainable weights.

    Attributes:
        kind: "conv", "batch_norm", "dense" or "other".
        kernels: Shapes of its kernels.
        vectors: Shapes of its other weights (bias, gamma, beta).
    """

    kind: str
    kernels: tuple[Shape, ...]
    vectors: tuple[Shape, ...]

    @property
    def size(self) -> int:
        return sum(prod(shape) for shape in self.kernels + self.vectors)


def weight_owners(model: keras.Model) -> list[Owner]:
    """Returns the owners of the trainable weights, in the model's order.

    A layer with a 4-dimensional kernel is a convolution, one with a 2-dimensional
    kernel is a dense layer, and one with only gamma and beta is a batch norm. All other
    weights of these layers are vectors.
    """
    groups = groupby(model.trainable_weights, key=lambda x: x.path.rpartition("/")[0])
    return [_owner(list(weights)) for _, weights in groups]


def _owner(weights: Sequence[keras.Variable]) -> Owner:
    kernels = tuple(tuple(w.shape) for w in weights if w.name.endswith("kernel"))
    vectors = tuple(tuple(w.shape) for w in weights if not w.name.endswith("kernel"))
    ranks = {len(kernel) for kernel in kernels}
    plain = all(len(vector) == 1 for vector in vectors)
    if plain and ranks in ({4}, {2}):
        return Owner(CONV if 4 in ranks else DENSE, kernels, vectors)
    norm = plain and {weight.name for weight in weights} <= {"gamma", "beta"}
    return Owner(BATCH_NORM if norm else OTHER, kernels, vectors)
