"""Computes a two-dimensional slice of the loss around trained weights.

Reference: Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets", section 4.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.split import Split
from resnet_tf.errors import DivergedError

_BATCH = 250


@dataclass(frozen=True)
class Landscape:
    """Loss and error on a square grid around trained weights.

    Attributes:
        offsets: float64 array (size,), the steps along each direction, including 0.
        loss: float64 array (size, size), mean cross-entropy in nats at
            weights + offsets[j] * first + offsets[i] * second.
        error: float64 array (size, size), in percent.
        n: Number of images.
    """

    offsets: np.ndarray
    loss: np.ndarray
    error: np.ndarray
    n: int


@np.errstate(over="ignore", invalid="ignore")  # a loss that is not finite raises
def landscape(
    model: keras.Model,
    split: Split,
    config: DataConfig,
    *,
    size: int = 21,
    radius: float = 1.0,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Landscape:
    """Returns the loss on a plane through the weights of a network.

    Two random directions span the plane; see `direction`. Batch norm uses its moving
    averages at every point. The weights are restored afterwards.

    Args:
        model: Network from images to logits, float32.
        split: The images, not augmented.
        config: Preparation of the images.
        size: Points along each direction, odd, so that the weights are one point.
        radius: Longest step; 1 is a step as long as each filter.
        seed: Seed of the directions.
        progress: Called after each row with the number of points done and in total.

    Raises:
        DivergedError: If the loss of a point is not finite.
        ValueError: If `size` is not odd and above 1, or `radius` not above 0.
    """
    if size < 3 or size % 2 == 0 or not radius > 0:
        raise ValueError(
            "size must be odd and above 1, radius above 0, received "
            f"{size} and {radius}"
        )
    weights = model.trainable_variables
    center = [np.array(weight) for weight in weights]
    first, second = (
        [
            direction(weight, (seed, number, place))
            for place, weight in enumerate(center)
        ]
        for number in (0, 1)
    )
    offsets = np.linspace(-radius, radius, size)
    measure = _measure(model, split, config)
    loss, error = np.empty((size, size)), np.empty((size, size))
    try:
        for i, up in enumerate(offsets):
            for j, right in enumerate(offsets):
                for weight, c, a, b in zip(weights, center, first, second, strict=True):
                    weight.assign(c + np.float32(right) * a + np.float32(up) * b)
                loss[i, j], error[i, j] = measure()
                _require_finite(loss[i, j], right, up)
            progress((i + 1) * size, size * size)
    finally:
        for weight, value in zip(weights, center, strict=True):
            weight.assign(value)
    return Landscape(offsets, loss, error, len(split))


def _require_finite(loss: float, right: float, up: float) -> None:
    if not np.isfinite(loss):
        raise DivergedError(
            f"the loss must be finite, received {loss} at the offsets {right:g} and "
            f"{up:g}; a smaller radius may help"
        )


def direction(weight: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Returns a random direction for a weight; each filter has the weight's norm.

    With this normalization the slice does not depend on the scale of the weights,
    which has no effect under batch norm. The direction is 0 for biases and for the
    weights of batch norm.

    Args:
        weight: float32 array; the last axis of a kernel counts its filters.
        seed: Seed of this direction and weight.
    """
    if weight.ndim < 2:
        return np.zeros_like(weight)
    noise = np.random.default_rng(seed).standard_normal(weight.shape)
    axes = tuple(range(weight.ndim - 1))
    lengths = [np.sqrt((x.astype(np.float64) ** 2).sum(axes)) for x in (weight, noise)]
    return (noise * (lengths[0] / lengths[1])).astype(np.float32)


def _measure(
    model: keras.Model, split: Split, config: DataConfig
) -> Callable[[], tuple[float, float]]:
    """Returns a function that computes loss and error with the current weights."""
    batches = [
        (
            normalize(split.images[start : start + _BATCH], config),
            tf.constant(split.labels[start : start + _BATCH]),
        )
        for start in range(0, len(split), _BATCH)
    ]

    @tf.function(reduce_retracing=True)
    def sums(images, labels):
        logits = model(images, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        wrong = tf.argmax(logits, axis=1, output_type=labels.dtype) != labels
        return tf.reduce_sum(losses), tf.math.count_nonzero(wrong)

    def measure() -> tuple[float, float]:
        totals = np.zeros(2)
        for images, labels in batches:
            totals += [float(total) for total in sums(images, labels)]
        loss, wrong = totals / len(split)
        return loss, 100 * wrong

    return measure
