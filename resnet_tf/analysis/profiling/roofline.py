"""The time that the machine's peaks allow a network.

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

# Bytes of a training step as a multiple of those of the forward pass, which reads x
# and writes y: convolutions do the same again for either gradient, batch norm reads
# x and dy and writes dx, the gradient of a sum is that of its terms, and all others
# read dy and write dx.
_TRAINING_BYTES = {CONV: 3, DENSE: 3, BATCH_NORM: 2.5, ADD: 1}
_OTHERS = 2


@dataclass(frozen=True)
class Bound:
    """Equal layers, and the time that they take at least in a step.

    Attributes:
        layer: One of them; what it counts is for a forward pass.
        count: How many they are.
        operations: Operations of all in a step; a multiply-add is two.
        bytes: Bytes that all read and write in a step.
        arithmetic_seconds: Time of the operations at the peak.
        memory_seconds: Time of the bytes at the peak.
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
        """What takes longer: "arithmetic" or "memory"."""
        by_memory = self.memory_seconds > self.arithmetic_seconds
        return "memory" if by_memory else "arithmetic"


def step_operations(layers: Iterable[Layer], work: str) -> int:
    """Returns the operations of a step: two a multiply-add, in training three passes
    (forward, and the gradients of inputs and of kernels)."""
    passes = 3 if work == TRAIN else 1
    return passes * 2 * sum(layer.macs for layer in layers)


def bounds(
    layers: Iterable[Layer], peaks: Peaks, precision: str, work: str
) -> list[Bound]:
    """Returns the bounds of equal layers together, the longest first.

    They are those of the network's own operations: the optimiser, the augmentation
    and what a gradient joins from several paths are left out.

    Args:
        layers: Those of one forward pass.
        peaks: Of the machine.
        precision: Whose matrix product is the peak of all layers.
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
