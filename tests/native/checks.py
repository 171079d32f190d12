"""What the tests of the native kernels share: random arrays, errors, equal bits."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from resnet_tf.native import library


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns normal float32 numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rms_error(received, exact) -> float:
    """Returns the root mean square error, relative to the RMS of the exact values."""
    exact = np.asarray(exact)
    difference = np.asarray(received, np.float64) - exact
    return np.sqrt((difference**2).mean() / (exact**2).mean())


def assert_threads_change_no_bit(results: Callable[[], list]) -> None:
    """Calls `results`, which returns tensors, with several numbers of threads."""

    def bits():
        return [tensor.numpy().tobytes() for tensor in tf.nest.flatten(results())]

    try:
        library.set_threads(1)
        one = bits()
        for threads in (2, 3, 7):
            library.set_threads(threads)
            assert bits() == one
    finally:
        library.set_threads(library.cores())
