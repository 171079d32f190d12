"""A slice through the loss around trained weights.

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
        offsets: float64 array (size,), the steps along each direction, 0 among them.
        loss: float64 array (size, size), mean cross-entropy in nats at
            weights + offsets[j] * first + offsets[i] * second.
        error: float64 array (size, size), in percent.
        n: Images.
    """

    offsets: np.ndarray
    loss: np.ndarray
    error: np.ndarray
    n: int


@np.errstate(over="ignore", invalid="ignore")  # refused by the loss
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
    averages everywhere. The weights are afterwards what they were.

    Args:
        model: From images to logits, float32.
        split: The images, not augmented.
        config: How they are fitted and normalised.
        size: Points along each direction, odd, so that the weights are one of them.
        radius: The longest step; 1 is a step as long as each filter itself.
        seed: Of the directions.
        progress: Called with the points done and all points, row by row.

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
    """Returns a random direction for a weight, filter by filter as long as it.

    Normalised so, the picture does not depend on the scale of the weights, which
    batch norm makes meaningless. Biases and the weights of batch norm stay in place.

    Args:
        weight: float32 array; the last axis of a kernel counts its filters.
        seed: Of this direction and weight.
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
    """Returns a function that gives loss and error for the weights as they are."""
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
