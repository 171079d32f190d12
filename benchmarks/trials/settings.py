"""A loop of ours under settings of the process: threads, memory, halves of a batch."""

import ctypes
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
    "two halves": (1, 2),
}
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop of a `Loop` as a dict; its variant is a key of `THREADS`."""
    if spec["variant"] == "memory":
        _keep_memory()
    import_tensorflow()
    import tensorflow as tf

    intra, inter = THREADS[spec["variant"]]
    if intra is not None:
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    if spec["work"] == "train":
        return ours.make(spec | {"variant": "step"})
    return _inference(spec)


def _keep_memory() -> None:
    """Lets the C library keep what is freed, instead of giving it back at once."""
    library = ctypes.CDLL(None)
    for name, value in ((MMAP_THRESHOLD, 2**30), (TRIM_THRESHOLD, 2**31 - 1)):
        if not library.mallopt(name, value):
            raise OSError(f"mallopt refuses {name}, {value}")


def _inference(spec: dict[str, Any]) -> Work:
    """Returns inference on the whole batch, or on its halves side by side."""
    import tensorflow as tf

    import resnet_tf
    from resnet_tf.config import named_network
    from resnet_tf.models import POLICIES, build_model

    order = {"order": "pre"} if spec["model"].startswith("resnet") else {}
    network = named_network(spec["model"], **order)
    model = build_model(network, dtype=POLICIES[spec["precision"]])
    model = resnet_tf.optimize_for_inference(model)
    parts = 2 if spec["variant"] == "two halves" else 1

    @tf.function
    def predict(images):
        halves = tf.split(images, parts)
        return tf.concat([model(half, training=False) for half in halves], axis=0)

    images = tf.random.stateless_normal((spec["batch"], 32, 32, 3), (0, 0))

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = predict(images)
        logits.numpy()

    return run, {"amount": spec["batch"]}


if __name__ == "__main__":
    serve(make)
