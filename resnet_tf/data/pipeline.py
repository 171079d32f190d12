"""From images in memory to batches; the position is the step and nothing else.

Order and augmentation follow from (seed, step) alone, so a run resumes exactly
from its step number: no iterator is ever saved.
"""

import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.augment import random_window, standardize, whiten
from resnet_tf.data.split import Split

_ORDER, _AUGMENT = range(2)


def normalize(images: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Returns the images as the network sees them.

    Args:
        images: uint8 tensor (N, 32, 32, 3).
        config: `normalization` and its numbers.

    Returns:
        float32 tensor (N, 32, 32, 3).
    """
    if config.normalization == "whitening":
        return whiten(images)
    return standardize(images, config.channel_mean, config.channel_std)


def augment(images: tf.Tensor, config: DataConfig, seed: int, step) -> tf.Tensor:
    """Returns the training images of update `step`, cropped and flipped.

    Args:
        images: uint8 tensor (N, 32, 32, 3).
        config: `padding_size` and `flip`.
        seed: The run's seed.
        step: Number of the update, from 0; int64 scalar.

    Returns:
        uint8 tensor (N, 32, 32, 3).
    """
    seeds = _seed(seed, _AUGMENT, step)
    return random_window(images, config.padding_size, config.flip, seeds)


def batch_indices(
    num_images: int, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    """Returns the image indices of each update from `start_step` on, endlessly.

    The epochs follow each other without a gap: each is a new permutation of all
    images, and a batch may begin in one and end in the next.

    Args:
        num_images: Images in an epoch.
        batch_size: Images in an update.
        seed: The run's seed.
        start_step: Number of the first update.

    Returns:
        Data set of int32 tensors (batch_size,).
    """
    first_epoch, done = divmod(start_step * batch_size, num_images)

    def permutation(epoch: tf.Tensor) -> tf.Tensor:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(num_images), _seed(seed, _ORDER, epoch)
        )
        return order[done:] if epoch == first_epoch else order

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return epochs.map(permutation).rebatch(batch_size, drop_remainder=True)


def training_batches(
    split: Split,
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Returns the batches of each update from `start_step` on, endlessly.

    Args:
        split: The training images.
        config: Augmentation and normalisation.
        batch_size: Images in an update.
        seed: The run's seed.
        start_step: Number of the first update, from 0.

    Returns:
        Data set of (images float32 (batch_size, 32, 32, 3), labels int32
        (batch_size,)).
    """
    with tf.device("CPU"):
        images, labels = tf.constant(split.images), tf.constant(split.labels)

    def batch(step: tf.Tensor, indices: tf.Tensor):
        chosen = augment(tf.gather(images, indices), config, seed, step)
        return normalize(chosen, config), tf.gather(labels, indices)

    indices = batch_indices(len(split), batch_size, seed, start_step)
    batches = indices.enumerate(start_step).map(batch).prefetch(4)
    return batches.with_options(_options())


def _options() -> tf.data.Options:
    """Returns one thread for the input where the CPU also does the training.

    More would take turns with the step's own threads; `benchmarks/training.py`
    measures what the input costs.
    """
    options = tf.data.Options()
    if not tf.config.list_physical_devices("GPU"):
        options.threading.private_threadpool_size = 1
        options.threading.max_intra_op_parallelism = 1
    return options


def _seed(seed: int, purpose: int, number) -> tf.Tensor:
    """Returns a stateless seed for one purpose and one step or epoch."""
    key = tf.constant([seed, purpose], tf.int64)
    return tf.random.fold_in(key, tf.cast(number, tf.int64))
