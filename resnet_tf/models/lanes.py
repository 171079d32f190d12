"""Batches computed in parts side by side, each on a core of its own."""

from collections.abc import Callable

import keras
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import BatchNorm


def side_by_side(
    model: keras.Model, lanes: int, native_kernels: bool = False
) -> Callable[[tf.Tensor], tf.Tensor | dict]:
    """Returns a function that is the model in inference, its batch split in lanes.

    Cores that each work on images of their own need not wait for each other at
    every operation. It pays in a `tf.function`, on CPUs, with one thread an
    operation; see `startup.one_thread_an_operation`.

    Args:
        model: From images to logits, or to a dict of tensors.
        lanes: Parts of nearly equal size, at least 1. A model that normalises by
            the batch's own statistics gets the batch whole.
        native_kernels: Whether the package's own kernels compute what they can, where
            they are available and no GPU is in use. The outputs then differ from
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
        # The lanes that fewer images leave empty compute the last one once more.
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
