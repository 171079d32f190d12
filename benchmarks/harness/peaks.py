"""Measures the machine's peaks: matrix products and memory copies."""

from typing import Any

from harness.loop import PEAK, PRECISIONS, Loop
from harness.race import Result
from harness.serve import Work, serve

from resnet_tf.startup import import_tensorflow

COPY, PRODUCT = "copy", "product"


def peak_loops(cpu: str = "") -> list[Loop]:
    """Returns the matrix products of both precisions, and the copy.

    Args:
        cpu: See `Loop`; older CPUs do not multiply in bfloat16.
    """
    able = PRECISIONS[:1] if cpu else PRECISIONS
    works = [(PRODUCT, precision) for precision in able] + [(COPY, "float32")]
    return [Loop(work, "", PEAK, precision, work, cpu=cpu) for work, precision in works]


def roofline(results: list[Result]) -> dict[str, Any]:
    """Returns the peaks, and the fraction of them that our loops reach.

    Operations are counted by `resnet_tf.analysis.profiling.roofline.step_operations`:
    only convolutions and dense layers count. A copied byte is read and written, and
    counts once. `fraction` refers to the best product of the same precision.

    Args:
        results: Results of `peak_loops` and of any other loops.
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
            "operations_per_image": operations,
            "fraction": result.median * operations / peak,
        }
        for result in results
        if result.qualified
        if (operations := result.facts.get("operations_per_image"))
        if (peak := peaks.get((PRODUCT, result.loop.precision)))
    ]
    products = {precision: peaks.get((PRODUCT, precision)) for precision in PRECISIONS}
    return {
        "operations_per_second": products,
        "copied_bytes_per_second": peaks.get((COPY, "float32")),
        "networks": networks,
    }


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop for the fields of a `Loop`."""
    import_tensorflow()
    from resnet_tf.analysis.profiling.peaks import copy, product

    work = copy() if spec["work"] == COPY else product(spec["precision"])
    return work.run, {"amount": work.amount}


if __name__ == "__main__":
    serve(make)
