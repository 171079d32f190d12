"""A loop of ours under settings of the process: threads, memory, halves of a batch."""

import ctypes
import os
from typing import Any

from harness import ours
from harness.serve import Work, serve

from resnet_tf.startup import import_tensorflow

# Threads on one operation, and operations at a time; None as TensorFlow has it.
THREADS = {
    "default": (None, None),
    "memory": (None, None),
    "one thread an operation": (1, 2),
    "one operation at a time": (2, 1),
    "2 processes": (1, 1),
    "without oneDNN": (None, None),
    "lanes": (None, None),  # as `harness.ours` has it: one thread an operation
    "recomputed": (None, None),
}
# The variants of `harness.ours` that are compared in inference.
INFERENCE = {"default": "optimized", "two halves": "lanes"}
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop of a `Loop` as a dict.

    Its variant is a key of `THREADS`, in inference of `INFERENCE`.
    """
    if spec["work"] == "inference":
        return ours.make(spec | {"variant": INFERENCE[spec["variant"]]})
    if spec["variant"] == "memory":
        _keep_memory()
    if spec["variant"] == "without oneDNN":
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    intra, inter = THREADS[spec["variant"]]
    if intra is not None:
        import_tensorflow()
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    step = {
        "variant": "step",
        "batch": spec["batch"] // spec["processes"],
        "memory_efficient": spec["variant"] == "recomputed",
        "lanes": 2 if spec["variant"] == "lanes" else 1,
    }
    run, facts = ours.make(spec | step)
    return run, facts | {"amount": spec["batch"]}


def _keep_memory() -> None:
    """Lets the C library keep what is freed, instead of giving it back at once."""
    library = ctypes.CDLL(None)
    for name, value in ((MMAP_THRESHOLD, 2**30), (TRIM_THRESHOLD, 2**31 - 1)):
        if not library.mallopt(name, value):
            raise OSError(f"mallopt refuses {name}, {value}")


if __name__ == "__main__":
    serve(make)
