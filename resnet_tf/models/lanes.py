"""Computes a batch in parallel parts, each on its own core."""

from collections.abc import Callable

import keras
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import BatchNorm


def side_by_side(
    model: keras.Model, lanes: int, native_kernels: bool = False
) -> Callable[[tf.Tensor], tf.Tensor | dict]:
    """Returns a function that runs the model in inference on parts of the batch.

    Cores that work on separate images do not wait for each other after every
    operation. It is faster in a `tf.function`, on CPUs, with one thread per
    operation; see `startup.one_thread_an_operation`.

    Args:
        model: Model from images to logits, or to a dict of tensors.
        lanes: Number of parts of nearly equal size, at least 1. A model that
            normalizes with the batch's own statistics gets the whole batch.
        native_kernels: Whether to use the package's own kernels if they are
            available and no GPU is in use. The outputs then differ from
            TensorFlow's by rounding.
    """
    if any(_looks_at_the_batch(layer) for layer in model._flatten_layers()):
        lanes = 1

    def run(images):
        with native.computing(native_kernels and native.obstacle("native") is None):
            return in_lanes(images)

    def in_lanes(images):
        if lanes == 1:
            return model(images, training=False)
        size = tf.shape(images)[0]
        ends = [
            lane * (size // lanes) + tf.minimum(lane, size % lanes)
            for lane in range(lanes + 1)
        ]
        # With fewer images than lanes, the other lanes compute the last image again.
        starts = [tf.minimum(end, size - 1) for end in ends[:-1]]
        outputs = [
            model(images[start:end], training=False)
            for start, end in zip(starts, ends[1:], strict=True)
        ]
        return tf.nest.map_structure(
            lambda *parts: tf.concat(parts, axis=0)[:size], *outputs
        )

    return run


def _looks_at_the_batch(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, BatchNorm) and layer.evaluation == "batch"
