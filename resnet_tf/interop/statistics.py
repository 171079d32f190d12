"""Moving averages for a batch norm that was trained without."""

import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.layers import BatchNorm, batch_norms

BATCH_SIZE = 125


def recompute_statistics(
    model: keras.Model,
    images: np.ndarray,
    prepare: Callable[[tf.Tensor], tf.Tensor] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
) -> str:
    """Sets the moving averages of every batch norm to what these images give.

    The images pass in batches, each normalised with its own statistics, as in
    training; an average becomes the plain mean over the batches, of their means
    and of their unbiased variances (see `BatchNorm`). So in evaluation the
    variances are n / (n - 1) times those of the batches, n the values of a channel
    in a batch. Nothing is drawn at random, and no weight that is trained changes.

    Args:
        model: A network of this package, not one optimised for inference.
        images: Training images in evaluation's form, without augmentation:
            (N, H, W, 3) as the model takes them, or as `prepare` does, which may not
            resize them.
        prepare: Called with each batch before the model sees it; for uint8 images
            `lambda batch: normalize(batch, config.data)`.
        batch_size: The largest batch; all have as many images, or one fewer.

    Returns:
        One line that says how many images and batches were used.

    Raises:
        ValueError: If there are no images, `batch_size` is below 1, the images have
            another shape than the model's, or the model has no batch norm or a
            frozen one.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be above 0, received {batch_size}")
    if images.ndim != 4 or not len(images) or images.shape[1:] != model.input_shape[1:]:
        raise ValueError(
            f"images must be (N, {str(model.input_shape[1:])[1:-1]}) with N above 0, "
            f"received {images.shape}"
        )
    norms = batch_norms(model)
    if not norms or not all(norm.trainable for norm in norms):
        raise ValueError(f"{model.name} must have batch norms, all of them trainable")
    batches = math.ceil(len(images) / batch_size)
    sums = _sums(model, norms, np.array_split(images, batches), prepare)
    for norm, (mean, variance) in zip(norms, sums, strict=True):
        norm.moving_mean.assign(mean / batches)
        norm.moving_variance.assign(variance / batches)
    return f"Batch-norm statistics: {len(images):,} images, batches: {batches:,}."


def _sums(
    model: keras.Model,
    norms: list[BatchNorm],
    batches: list[np.ndarray],
    prepare: Callable[[tf.Tensor], tf.Tensor] | None,
) -> list[list[np.ndarray]]:
    """Returns the sums over the batches of each norm's mean and variance, float64."""

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *model.input_shape[1:]), batches[0].dtype)
        ]
    )
    def run(batch):
        model(batch if prepare is None else prepare(batch), training=True)

    sums = [[np.zeros(norm.gamma.shape)] * 2 for norm in norms]
    momenta = [norm.momentum for norm in norms]
    try:
        # At 0 the averages are the batch's own; `run` is traced with it.
        for norm in norms:
            norm.momentum = 0.0
        for batch in batches:
            run(batch)
            for norm, total in zip(norms, sums, strict=True):
                total[0] = total[0] + norm.moving_mean.numpy()
                total[1] = total[1] + norm.moving_variance.numpy()
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    return sums
