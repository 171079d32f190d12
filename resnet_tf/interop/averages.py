"""Moving averages for a batch norm that was trained without, from training images."""

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

# More change an average over batches of 125 by little.
MOST_IMAGES = 10_000
BATCH_SIZE = 125


def with_averages(source: Source, images: np.ndarray) -> Source:
    """Returns a source whose batch norm uses moving averages in evaluation.

    Args:
        source: One that has none.
        images: uint8 array (N, side, side, 3), RGB, of training images; `assign`
            runs them through the network, see `recompute_statistics`.
    """
    config = source.config
    model = dataclasses.replace(config.model, bn_eval="moving")

    def assign(network: keras.Model) -> int:
        used = source.assign(network)
        recompute_statistics(network, images, lambda x: normalize(x, config.data))
        return used

    note = (
        "The checkpoint has no moving averages: those of batch norm (bn_eval=moving) "
        f"were recomputed here on {len(images):,} training images. The original "
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
    """Returns the source as asked for; see `import_weights` for the arguments.

    The averages are computed from the first `MOST_IMAGES` training images.

    Raises:
        DataError: If the images are needed and not available.
        SettingError: If the source has averages, and `bn_eval` is given.
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
