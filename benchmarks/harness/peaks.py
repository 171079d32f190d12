"""What the machine can do: matrix products and copies of memory."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.loop import PEAK, PRECISIONS, Loop
from harness.race import Result
from harness.serve import Work, serve

COPY, PRODUCT = "copy", "product"
SIDE = 2048  # of the matrices
BYTES = 2**28  # of the memory that is copied


def peak_loops() -> list[Loop]:
    """Returns the matrix products of both precisions, and the copy."""
    works = [(PRODUCT, precision) for precision in PRECISIONS] + [(COPY, "float32")]
    return [Loop(work, "", PEAK, precision, work) for work, precision in works]


def roofline(results: list[Result]) -> dict[str, Any]:
    """Returns the peaks, and how close our loops come to them.

    A multiply-add is two operations; a training step does three times the
    multiply-adds of the forward pass: forward, and the gradients of inputs and of
    kernels. A copied byte is read and written, and counts once. `fraction` is of
    the best product of the same precision; whatever is neither a convolution nor
    a dense layer counts as nothing.

    Args:
        results: Those of `peak_loops` and of any other loops.
    """
    peaks = {
        (result.loop.work, result.loop.precision): max(result.samples)
        for result in results
        if result.loop.side == PEAK and result.samples
    }
    networks = [
        {
            "work": result.loop.work,
            "model": result.loop.model,
            "precision": result.loop.precision,
            "variant": result.loop.variant,
            "dataset": result.loop.dataset,
            "operations_per_image": _operations(result),
            "fraction": result.median * _operations(result) / peak,
        }
        for result in results
        if result.qualified and "macs" in result.facts
        if (peak := peaks.get((PRODUCT, result.loop.precision)))
    ]
    products = {precision: peaks.get((PRODUCT, precision)) for precision in PRECISIONS}
    return {
        "operations_per_second": products,
        "copied_bytes_per_second": peaks.get((COPY, "float32")),
        "networks": networks,
    }


def _operations(result: Result) -> int:
    passes = 3 if result.loop.work == "train" else 1
    return passes * 2 * result.facts["macs"]


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop of a `Loop` as a dict."""
    return _copy() if spec["work"] == COPY else _product(spec["precision"])


def _product(precision: str) -> Work:
    import tensorflow as tf

    a, b = (
        tf.cast(tf.random.stateless_normal((SIDE, SIDE), (0, seed)), precision)
        for seed in range(2)
    )
    product = tf.function(tf.matmul)

    def run(steps: int) -> None:
        for _ in range(steps):
            result = product(a, b)
        result[0, 0].numpy()

    return run, {"amount": 2 * SIDE**3}


def _copy() -> Work:
    import numpy as np

    cores = len(os.sched_getaffinity(0))
    source = np.ones((cores, BYTES // cores // 4), np.float32)
    target = np.zeros_like(source)
    pool = ThreadPoolExecutor(cores)

    def run(steps: int) -> None:
        for _ in range(steps):
            list(pool.map(np.copyto, target, source))

    return run, {"amount": source.nbytes}


if __name__ == "__main__":
    serve(make)
