"""From images in memory to batches; the position is the step and nothing else.

Order and augmentation follow from (seed, step) alone, so a run resumes exactly
from its step number: no iterator is ever saved.
"""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.config.derived import images_an_epoch
from resnet_tf.data.augment import cutout, mixup, random_window, standardize, whiten
from resnet_tf.data.part import WHOLE, Part
from resnet_tf.data.resize import random_resized_crop, resize_and_crop
from resnet_tf.data.split import Split
from resnet_tf.errors import SettingError

_ORDER, _AUGMENT, _WINDOW, _CUTOUT, _MIXUP = range(5)
_LARGEST_COPY = 512 * 2**20  # bytes
_MOST_CALLS = 8
# No branch below depends on a tensor, and AutoGraph takes a second to find that out.
_no_autograph = tf.autograph.experimental.do_not_convert


def normalize(images: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Returns stored images as the network sees them, resized where they must be.

    Args:
        images: uint8 tensor (N, side, side, 3).
        config: `image_size`, `resize`, `normalization` and its numbers.

    Returns:
        float32 tensor (N, image_size, image_size, 3).
    """
    return _scale(_fit(images, config), config)


def augment(
    images: tf.Tensor, config: DataConfig, seed: int, step, part: Part = WHOLE
) -> tf.Tensor:
    """Returns the training images of update `step`, cropped, flipped and resized.

    With `padding_color="mean"` the stored images are normalized first, so that the
    zeros around them have the mean color.

    Args:
        images: uint8 tensor (N, side, side, 3).
        config: The crop and its numbers, `flip`, `image_size` and `resize`; for the
            mean color `normalization` too.
        seed: The run's seed.
        step: Number of the update, from 0; int64 scalar.
        part: Which part of the update's images they are.

    Returns:
        Tensor (N, image_size, image_size, 3): uint8 pixels, or float32 as the network
        sees them where the padding has the mean color.
    """
    seeds = _seed(seed, _AUGMENT, step)
    if config.crop == "resized":
        return random_resized_crop(
            images,
            config.image_size,
            config.crop_scale,
            config.crop_ratio,
            config.flip,
            seeds,
            part,
        )
    if config.padding_color == "mean":
        images = _scale(images, config)
    windows = random_window(
        images, config.padding_size, config.flip, seeds, config.crop_offsets, part
    )
    return _fit(windows, config)


def _fit(images: tf.Tensor, config: DataConfig) -> tf.Tensor:
    side = config.resize or config.image_size
    return resize_and_crop(images, side, config.image_size)


def _scale(images: tf.Tensor, config: DataConfig) -> tf.Tensor:
    if config.normalization == "whitening":
        return whiten(images)
    return standardize(images, config.channel_mean, config.channel_std)


def prepare(
    images: tf.Tensor,
    labels: tf.Tensor,
    config: DataConfig,
    seed: int,
    step,
    num_classes: int,
    part: Part = WHOLE,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns stored images and labels as the network sees them in update `step`.

    Args:
        images: uint8 tensor (N, side, side, 3).
        labels: int32 tensor (N,).
        config: Augmentation and normalisation.
        seed: The run's seed.
        step: Number of the update, from 0; int64 scalar.
        num_classes: Length of mixup's targets.
        part: Which part of the update's images they are; all of them with mixup.

    Returns:
        Images float32 (N, image_size, image_size, 3), and the labels or, with
        mixup, targets float32 (N, num_classes).
    """
    seen = augment(images, config, seed, step, part)
    if seen.dtype == tf.uint8:
        seen = _scale(seen, config)
    if config.cutout:
        seen = cutout(seen, config.cutout, _seed(seed, _CUTOUT, step), part)
    if config.mixup:
        seeds = _seed(seed, _MIXUP, step)
        return mixup(seen, labels, num_classes, config.mixup, seeds)
    return seen, labels


def batch_indices(
    num_images: int,
    batch_size: int,
    seed: int,
    start_step: int,
    sampling: str = "permutation",
    drop_last: bool = False,
) -> tf.data.Dataset:
    """Returns the image indices of each update from `start_step` on, endlessly.

    Args:
        num_images: Images to choose from.
        batch_size: Images in an update.
        seed: The run's seed.
        start_step: Number of the first update.
        sampling: "permutation": the epochs follow each other without a gap; each
            is a new permutation of all images, and a batch may begin in one and
            end in the next. "window", a habit of the TF1 original: the images are
            shuffled once, and an update takes neighbours from a start that is
            uniform from 0 to num_images - batch_size - 1; the last is never used.
        drop_last: Whether an epoch ends at its last full batch, so that every batch
            lies in one epoch and each epoch leaves out other images; for
            "permutation".

    Returns:
        Data set of int32 tensors (batch_size,).

    Raises:
        SettingError: If no window is smaller than the data set, or no full batch is
            in an epoch that ends at its last one.
    """
    if sampling == "window":
        return _windows(num_images, batch_size, seed, start_step)
    used = images_an_epoch(num_images, batch_size, drop_last)
    first_epoch, done = divmod(start_step * batch_size, used)

    @_no_autograph
    def permutation(epoch: tf.Tensor) -> tf.Tensor:
        order = _permutation(num_images, seed, epoch)[:used]
        return order[tf.where(epoch == first_epoch, done, 0) :]

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
    return epochs.map(permutation).rebatch(batch_size, drop_remainder=True)


def _windows(
    num_images: int, batch_size: int, seed: int, start_step: int
) -> tf.data.Dataset:
    places = num_images - batch_size
    if places < 1:
        raise SettingError(
            f"train_batch_size must be below the {num_images} training images with "
            f"sampling=window, received {batch_size}"
        )
    with tf.device("CPU"):
        order = _permutation(num_images, seed, 0)

    @_no_autograph
    def window(step: tf.Tensor) -> tf.Tensor:
        start = tf.random.stateless_uniform(
            (), _seed(seed, _WINDOW, step), 0, places, tf.int32
        )
        return tf.gather(order, start + tf.range(batch_size))

    return tf.data.Dataset.range(start_step, tf.int64.max).map(window)


def _permutation(num_images: int, seed: int, epoch) -> tf.Tensor:
    return tf.random.experimental.stateless_shuffle(
        tf.range(num_images), _seed(seed, _ORDER, epoch)
    )


def training_batches(
    split: Split,
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_classes: int | None = None,
    part: Part = WHOLE,
) -> tf.data.Dataset:
    """Returns the batches of each update from `start_step` on, endlessly.

    The parts of an update together are the whole batch, in its order.

    Args:
        split: The training images.
        config: Sampling, augmentation and normalisation.
        batch_size: Images in an update.
        seed: The run's seed.
        start_step: Number of the first update, from 0.
        num_classes: Length of mixup's targets; by default the split's classes.
        part: Which part of each batch is wanted; the parts must divide it.

    Returns:
        Data set of (images float32 (N, image_size, image_size, 3), labels int32
        (N,)) with the N images of the part; with mixup, instead of labels, targets
        float32 (N, num_classes).

    Raises:
        SettingError: If a batch is too large for `sampling` or `drop_last`.
    """
    num_classes = num_classes or len(split.class_names)
    images, labels = _gatherer(split.images), _gatherer(split.labels)

    @_no_autograph
    def batch(step: tf.Tensor, indices: tf.Tensor):
        # Mixup needs all images of an update.
        first, last = (WHOLE, part) if config.mixup else (part, WHOLE)
        mine = first.of(indices)
        prepared = prepare(
            images(mine), labels(mine), config, seed, step, num_classes, first
        )
        return tuple(map(last.of, prepared))

    order = config.sampling, config.drop_last
    indices = batch_indices(len(split), batch_size, seed, start_step, *order)
    # A call depends on its step alone and the order is kept: no bit changes.
    batches = indices.enumerate(start_step).map(batch, _parallel_calls())
    return batches.prefetch(4).with_options(_options())


def _gatherer(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from indices (N,) to those rows of `array`.

    A large array is read where it is, which may be on disk; a small one is copied
    into TensorFlow's memory.
    """
    if array.nbytes <= _LARGEST_COPY:
        with tf.device("CPU"):
            copy = tf.constant(array)
        return lambda indices: tf.gather(copy, indices)

    def rows(indices: tf.Tensor) -> tf.Tensor:
        taken = tf.numpy_function(
            lambda chosen: array[chosen], [indices], array.dtype, stateful=False
        )
        return tf.ensure_shape(taken, (*indices.shape, *array.shape[1:]))

    return rows


def _parallel_calls() -> int | None:
    """Returns how many batches are prepared at once, None for one after another.

    Each holds its images as float32: 150 MB for 256 images of 224 pixels.
    """
    if not tf.config.list_physical_devices("GPU"):
        return None
    return max(1, min(_MOST_CALLS, len(os.sched_getaffinity(0)) - 1))


def _options() -> tf.data.Options:
    """Returns one thread for the input where the CPU also does the training.

    More would take turns with the step's own threads; `docs/performance.md`
    has what the input costs.
    """
    options = tf.data.Options()
    options.deterministic = True
    if not tf.config.list_physical_devices("GPU"):
        options.threading.private_threadpool_size = 1
        options.threading.max_intra_op_parallelism = 1
    return options


def _seed(seed: int, purpose: int, number) -> tf.Tensor:
    """Returns a stateless seed for one purpose and one step or epoch."""
    key = tf.constant([seed, purpose], tf.int64)
    return tf.random.fold_in(key, tf.cast(number, tf.int64))
