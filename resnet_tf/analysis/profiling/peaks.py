"""What the machine can do: matrix products and copies of memory."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from resnet_tf.analysis.profiling import PRECISIONS
from resnet_tf.analysis.profiling.turns import Work
from resnet_tf.machine import cores

SIDE = 2048  # of the matrices
BYTES = 2**28  # of the memory that is copied
COPY = "copy"


@dataclass(frozen=True)
class Peaks:
    """The best of what was measured.

    Attributes:
        operations: Operations a second of the matrix product by precision; a
            multiply-add is two.
        copied: Bytes a second of the memory copy, each counted once.
    """

    operations: Mapping[str, float]
    copied: float

    @classmethod
    def of(cls, rates: Mapping[str, Sequence[float]]) -> "Peaks":
        """Returns the best turns of the loops of `peak_works`, by their names."""
        products = {precision: max(rates[precision]) for precision in PRECISIONS}
        return cls(products, max(rates[COPY]))

    @property
    def moved(self) -> float:
        """Bytes read and written a second: a copied byte is both."""
        return 2 * self.copied


def peak_works() -> dict[str, Work]:
    """Returns the matrix product of each precision, and the copy, by name."""
    return {**{name: product(name) for name in PRECISIONS}, COPY: copy()}


def product(precision: str) -> Work:
    """Returns the product of two square matrices; its amount is operations.

    Args:
        precision: A float dtype of TensorFlow.
    """
    a, b = (
        tf.cast(tf.random.stateless_normal((SIDE, SIDE), (0, seed)), precision)
        for seed in range(2)
    )
    multiply = tf.function(tf.matmul)

    def run(steps: int) -> None:
        for _ in range(steps):
            result = multiply(a, b)
        result[0, 0].numpy()

    return Work(run, 2 * SIDE**3)


def copy() -> Work:
    """Returns the copy of memory where TensorFlow works; its amount is bytes."""
    return device_copy() if tf.config.list_physical_devices("GPU") else host_copy()


def host_copy() -> Work:
    """Returns the copy in main memory, with as many threads as cores."""
    threads = cores()
    source = np.ones((threads, BYTES // threads // 4), np.float32)
    target = np.zeros_like(source)

    def run(steps: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(steps):
                list(pool.map(np.copyto, target, source))

    return Work(run, source.nbytes)


def device_copy() -> Work:
    """Returns the copy in the memory of an accelerator, by an operation that reads
    and writes each number once."""
    source = tf.ones(BYTES // 4)
    move = tf.function(lambda x: x + 1.0)

    def run(steps: int) -> None:
        for _ in range(steps):
            result = move(source)
        result[0].numpy()

    return Work(run, BYTES)
