"""Computes the moving averages of batch norm from training images."""

import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.data.pipeline import normalize
from resnet_tf.data.sources import ensure_available, load_split, require_classes
from resnet_tf.errors import SettingError
from resnet_tf.interop.source import Source
from resnet_tf.layers import BatchNorm, batch_norms

# More images hardly change an average over batches of 125.
MOST_IMAGES = 10_000
BATCH_SIZE = 125


def with_averages(source: Source, images: np.ndarray) -> Source:
    """Returns the source with moving averages for evaluation.

    Args:
        source: Source without moving averages.
        images: Training images, uint8 array (N, side, side, 3), RGB. `assign` runs
            them through the network; see `recompute_statistics`.
    """
    config = source.config
    model = dataclasses.replace(config.model, bn_eval="moving")

    def assign(network: keras.Model) -> int:
        used = source.assign(network)
        recompute_statistics(network, images, lambda x: normalize(x, config.data))
        return used

    note = (
        "The checkpoint has no moving averages of batch norm. The import computed them "
        f"from {len(images):,} training images (bn_eval=moving). The original "
        "evaluates with each batch's own statistics (bn_eval=batch)."
    )
    return dataclasses.replace(
        source,
        config=dataclasses.replace(config, model=model),
        assign=assign,
        notes=(note,),
        averaged_images=len(images),
    )


def chosen_averages(
    source: Source, bn_eval: str | None, data_dir: str | None, cache_dir: str | None
) -> Source:
    """Returns the source with or without moving averages, as `bn_eval` says.

    The averages are computed from the first `MOST_IMAGES` training images. See
    `import_weights` for the arguments.

    Raises:
        DataError: If the images are needed and not available.
        SettingError: If `bn_eval` is given for a source with moving averages.
    """
    if source.averages:
        if bn_eval is not None:
            raise SettingError(
                "bn_eval needs a checkpoint without moving averages, received "
                f"bn_eval={bn_eval} for {source.family}"
            )
        return source
    if (bn_eval or ("moving" if data_dir else "batch")) == "batch":
        return source
    data = dataclasses.replace(
        source.config.data, data_dir=data_dir, cache_dir=cache_dir, download=False
    )
    ensure_available(data)
    split = load_split(data, "train")
    require_classes(split, source.config.model.num_classes)
    return with_averages(source, split.images[:MOST_IMAGES])


def recompute_statistics(
    model: keras.Model,
    images: np.ndarray,
    prepare: Callable[[tf.Tensor], tf.Tensor] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
) -> str:
    """Recomputes the moving averages of every batch norm from images.

    The images pass through the model in batches. As in training, batch norm
    normalizes each batch with its own statistics. A moving average becomes the plain
    mean over the batches: of their means, or of their unbiased variances (see
    `BatchNorm`). An unbiased variance is n / (n - 1) times the variance of the batch,
    n the values of a channel in the batch. Nothing is random, and no trained weight
    changes.

    Args:
        model: A network of this package, not optimized for inference.
        images: Training images without augmentation, (N, H, W, 3), as the model or
            `prepare` accepts them.
        prepare: Function to apply to each batch before the model; it must not resize
            the images. For uint8 images `lambda batch: normalize(batch, config.data)`.
        batch_size: Size of the largest batch; other batches have one image fewer at
            most.

    Returns:
        One line with the numbers of images and batches.

    Raises:
        ValueError: If there are no images, `batch_size` is below 1, the images do not
            have the model's shape, or the model has no batch norm or a frozen one.
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
    """Sums the means and the variances of each batch norm over the batches, float64."""

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
        # With momentum 0 the averages are the batch's own. Tracing `run` reads it.
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
