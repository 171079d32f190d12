"""Measures the machine's peaks: matrix products and memory copies."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from resnet_tf.analysis.profiling import PRECISIONS
from resnet_tf.analysis.profiling.turns import Work
from resnet_tf.machine import cores

SIDE = 2048  # side of the square matrices
BYTES = 2**28  # bytes per copy
COPY = "copy"


@dataclass(frozen=True)
class Peaks:
    """The best measured rates of the machine.

    Attributes:
        operations: Operations per second of the matrix product by precision; a
            multiply-add counts as two operations.
        copied: Bytes per second of the memory copy, each counted once.
    """

    operations: Mapping[str, float]
    copied: float

    @classmethod
    def of(cls, rates: Mapping[str, Sequence[float]]) -> "Peaks":
        """Returns the peaks from the turns of `peak_works`, which are given by name."""
        products = {precision: max(rates[precision]) for precision in PRECISIONS}
        return cls(products, max(rates[COPY]))

    @property
    def moved(self) -> float:
        """Bytes read or written per second; a copied byte is both read and written."""
        return 2 * self.copied


def peak_works() -> dict[str, Work]:
    """Returns the loops of the matrix products and of the copy, by name."""
    return {**{name: product(name) for name in PRECISIONS}, COPY: copy()}


def product(precision: str) -> Work:
    """Returns the loop of a square matrix product; its amount counts operations.

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
    """Returns the loop of a copy in TensorFlow's memory; its amount counts bytes."""
    return device_copy() if tf.config.list_physical_devices("GPU") else host_copy()


def host_copy() -> Work:
    """Returns the loop of a copy in main memory, with one thread per core."""
    threads = cores()
    source = np.ones((threads, BYTES // threads // 4), np.float32)
    target = np.zeros_like(source)

    def run(steps: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(steps):
                list(pool.map(np.copyto, target, source))

    return Work(run, source.nbytes)


def device_copy() -> Work:
    """Returns the loop of a copy in the memory of an accelerator.

    The operation reads and writes each number once.
    """
    source = tf.ones(BYTES // 4)
    move = tf.function(lambda x: x + 1.0)

    def run(steps: int) -> None:
        for _ in range(steps):
            result = move(source)
        result[0].numpy()

    return Work(run, BYTES)
