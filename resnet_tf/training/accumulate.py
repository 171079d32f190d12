"""Gradient accumulation: one update from several micro-batches."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from resnet_tf.layers.moving import means, move, moves_kept

Gradients = list[tf.Tensor]


def accumulated(
    gradients: Callable[..., Gradients],
    batch: Sequence[tf.Tensor],
    parts: int,
    loop: bool = True,
) -> Gradients:
    """Returns the gradients summed over the micro-batches, computed one after another.

    Each micro-batch starts from the moving averages before the update. At the end, each
    average becomes the mean of the values that the micro-batches produced. So the
    averages move once per update, as with the whole batch.

    Args:
        gradients: Function that takes a micro-batch of each tensor in `batch` and the
            index of the micro-batch, from 0, and returns a list of gradients.
        batch: Tensors (N, ...); `parts` divides N.
        parts: Number of micro-batches, at least 1.
        loop: Whether the graph loops over the micro-batches; otherwise it is unrolled.
            Replicas cannot exchange tensors inside a loop.
    """
    shares = [tf.reshape(t, (parts, -1, *t.shape[1:])) for t in batch]
    averages: list[keras.Variable] = []

    def computed(part: int | tf.Tensor) -> tuple[Gradients, list[tf.Tensor]]:
        with moves_kept() as moves:
            found = gradients(*(share[part] for share in shares), part)
        moved = means(moves)
        averages[:] = [average for average, _ in moved]
        return found, [value for _, value in moved]

    def add(part: int | tf.Tensor, sums: Gradients, moved: list[tf.Tensor]):
        sums_and_moved = tf.nest.map_structure(tf.add, (sums, moved), computed(part))
        return part + 1, *sums_and_moved

    state = (tf.constant(1), *computed(0))
    if loop:
        state = tf.while_loop(
            lambda part, *_: part < parts, add, state, parallel_iterations=1
        )
    else:
        for part in range(1, parts):
            with tf.control_dependencies(tf.nest.flatten(state)):
                state = add(part, *state[1:])
    _, sums, moved = state
    for average, value in zip(averages, moved, strict=True):
        move(average, value / parts)
    return sums
