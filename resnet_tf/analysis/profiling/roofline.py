"""Computes the minimum time of a network from the machine's peaks.

Williams et al. 2009, https://doi.org/10.1145/1498765.1498785: a layer takes at least
as long as its arithmetic at the rate of the matrix product, and at least as long as
its bytes at the rate of the memory copy.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from resnet_tf.analysis.profiling import INFERENCE, TRAIN
from resnet_tf.analysis.profiling.layers import ADD, BATCH_NORM, CONV, DENSE, Layer
from resnet_tf.analysis.profiling.peaks import Peaks

# Bytes of a training step, as a multiple of the bytes of the forward pass, which reads
# x and writes y. Convolutions move as much again for each of two gradients. Batch norm
# reads x and dy and writes dx. A sum passes its gradient on. All others read dy and
# write dx.
_TRAINING_BYTES = {CONV: 3, DENSE: 3, BATCH_NORM: 2.5, ADD: 1}
_OTHERS = 2


@dataclass(frozen=True)
class Bound:
    """Equal layers, and their minimum time in a step.

    Attributes:
        layer: One of the layers; its counts are for a forward pass.
        count: Number of equal layers.
        operations: Operations of all layers in a step; a multiply-add counts as two.
        bytes: Bytes that all layers read and write in a step.
        arithmetic_seconds: Time of the operations at the peak rate.
        memory_seconds: Time of the bytes at the peak rate.
    """

    layer: Layer
    count: int
    operations: int
    bytes: float
    arithmetic_seconds: float
    memory_seconds: float

    @property
    def seconds(self) -> float:
        """The longer of the two times."""
        return max(self.arithmetic_seconds, self.memory_seconds)

    @property
    def bound_by(self) -> str:
        """The part that takes longer, "arithmetic" or "memory"."""
        by_memory = self.memory_seconds > self.arithmetic_seconds
        return "memory" if by_memory else "arithmetic"


def step_operations(layers: Iterable[Layer], work: str) -> int:
    """Returns the operations of a step; a multiply-add counts as two.

    A training step counts as three passes: forward, and the gradients of the inputs and
    of the kernels.
    """
    passes = 3 if work == TRAIN else 1
    return passes * 2 * sum(layer.macs for layer in layers)


def bounds(
    layers: Iterable[Layer], peaks: Peaks, precision: str, work: str
) -> list[Bound]:
    """Returns the bounds of each group of equal layers, longest first.

    Only the network's own operations count. The optimizer, the augmentation and the
    sums of gradients from several paths are left out.

    Args:
        layers: Layers of one forward pass.
        peaks: Peaks of the machine.
        precision: Precision of the matrix product that is the peak for all layers.
        work: "train" or "inference".
    """
    peak = peaks.operations[precision]
    found = []
    for layer, count in Counter(layers).items():
        arithmetic = step_operations([layer], work) * count
        moved = _moved(layer, work) * count
        found.append(
            Bound(
                layer, count, arithmetic, moved, arithmetic / peak, moved / peaks.moved
            )
        )
    return sorted(found, key=lambda bound: -bound.seconds)


def _moved(layer: Layer, work: str) -> float:
    """Returns the bytes that a layer reads and writes in a step."""
    if work == INFERENCE:
        return layer.bytes
    return layer.bytes * _TRAINING_BYTES.get(layer.kind, _OTHERS)
