"""The input pipeline, from images in memory to batches.

Order and augmentation depend only on (seed, step), so a run resumes exactly from its
step number: no iterator is ever saved.
"""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.config.derived import images_an_epoch
from resnet_tf.data.augment import random_window, standardize, whiten
from resnet_tf.data.auto_augment import rand_augment, trivial_augment
from resnet_tf.data.erasing import cutout, random_erasing, random_pixels
from resnet_tf.data.flips import Flips, alternating
from resnet_tf.data.mixing import cutmix, mixup
from resnet_tf.data.part import WHOLE, Part
from resnet_tf.data.resize import random_resized_crop, resize_and_crop
from resnet_tf.data.split import Split
from resnet_tf.errors import SettingError

_ORDER, _AUGMENT, _WINDOW, _CUTOUT, _MIXUP = range(5)
_FLIP, _AUTO, _ERASING, _CUTMIX = range(5, 9)
_LARGEST_COPY = 512 * 2**20  # bytes
_MOST_CALLS = 8
# No branch below depends on a tensor, so AutoGraph's analysis would waste a second.
_no_autograph = tf.autograph.experimental.do_not_convert


def normalize(images: tf.Tensor, config: DataConfig) -> tf.Tensor:
    """Returns stored images resized (if necessary) and normalized for the network.

    Args:
        images: uint8 tensor (N, side, side, 3).
        config: Uses `image_size`, `resize`, `normalization` and its parameters.

    Returns:
        float32 tensor (N, image_size, image_size, 3).
    """
    return _scale(_fit(images, config), config)


def augment(
    images: tf.Tensor,
    config: DataConfig,
    seed: int,
    step,
    part: Part = WHOLE,
    mirrored: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns the training images of update `step`, cropped, flipped and resized.

    The transforms of `auto_augment` come first, on the stored images.

    With `padding_color="mean"` the stored images are normalized first, so that the
    padding of zeros has the mean color.

    Args:
        images: uint8 tensor (N, side, side, 3).
        config: Uses `auto_augment`, the crop and its parameters, `flip`, `image_size`
            and `resize`; for the mean color also `normalization`.
        seed: Seed of the run.
        step: Index of the update, from 0; int64 scalar.
        part: The part of the update to which the images belong.
        mirrored: The images to mirror, bool tensor (N,), from `flips`; if None, with
            `flip` a random half.

    Returns:
        Tensor (N, image_size, image_size, 3): uint8 pixels, or normalized float32 if
        the padding has the mean color.
    """
    images = _auto_augment(images, config, seed, step, part)
    flip = config.flip if mirrored is None else mirrored
    seeds = _seed(seed, _AUGMENT, step)
    if config.crop == "resized":
        return random_resized_crop(
            images,
            config.image_size,
            config.crop_scale,
            config.crop_ratio,
            flip,
            seeds,
            part,
        )
    if config.padding_color == "mean":
        images = _scale(images, config)
    windows = random_window(
        images, config.padding_size, flip, seeds, config.crop_offsets, part
    )
    return _fit(windows, config)


def _auto_augment(
    images: tf.Tensor, config: DataConfig, seed: int, step, part: Part
) -> tf.Tensor:
    if config.auto_augment == "none":
        return images
    seeds = _seed(seed, _AUTO, step)
    if config.auto_augment == "trivialaugment":
        return trivial_augment(images, seeds, part)
    count, strength = config.randaugment_transforms, config.randaugment_strength
    return rand_augment(images, count, strength, seeds, part)


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
    mirrored: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the augmented, normalized images and the labels of update `step`.

    Args:
        images: uint8 tensor (N, side, side, 3).
        labels: int32 tensor (N,).
        config: Augmentation and normalization.
        seed: Seed of the run.
        step: Index of the update, from 0; int64 scalar.
        num_classes: Length of the targets, if images are mixed.
        part: The part of the update to which the images belong; `WHOLE` if images are
            mixed.
        mirrored: See `augment`.

    Returns:
        Images float32 (N, image_size, image_size, 3), and the labels or, with mixup or
        CutMix, targets float32 (N, num_classes).
    """
    seen = augment(images, config, seed, step, part, mirrored)
    if seen.dtype == tf.uint8:
        seen = _scale(seen, config)
    if config.cutout:
        seen = cutout(seen, config.cutout, _seed(seed, _CUTOUT, step), part)
    if config.erasing:
        where, values = tf.unstack(tf.random.split(_seed(seed, _ERASING, step)))
        noise = _scale(random_pixels(seen, values, part), config)
        seen = random_erasing(seen, noise, config.erasing, where, part)
    if config.mixup:
        seeds = _seed(seed, _MIXUP, step)
        return mixup(seen, labels, num_classes, config.mixup, seeds)
    if config.cutmix:
        seeds = _seed(seed, _CUTMIX, step)
        alpha, probability = config.cutmix, config.cutmix_probability
        return cutmix(seen, labels, num_classes, alpha, probability, seeds)
    return seen, labels


def flips(config: DataConfig, num_images: int, seed: int) -> Flips | None:
    """Returns a function that says which images are mirrored, for `prepare`.

    Args:
        config: Uses `flip_order`.
        num_images: Number of training images.
        seed: Seed of the run.

    Returns:
        Function from the indices of images (N,) and their epochs, from 0, to a bool
        tensor (N,). None with flip_order=random, where each update draws its own.
    """
    if config.flip_order == "random":
        return None
    return alternating(num_images, _seed(seed, _FLIP, 0))


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
        num_images: Number of training images.
        batch_size: Number of images in an update.
        seed: Seed of the run.
        start_step: Index of the first update.
        sampling: "permutation": each epoch is a new permutation of all images, and a
            batch can begin in one epoch and end in the next. "window", as in the TF1
            original: the images are shuffled once, and an update takes neighbors from a
            start that is uniform from 0 to num_images - batch_size - 1; the last image
            is never used.
        drop_last: Whether an epoch ends at its last full batch, so that no batch spans
            two epochs and each epoch skips different images; only for "permutation".

    Returns:
        Data set of int32 tensors (batch_size,).

    Raises:
        SettingError: If a window is not smaller than the data set, or `drop_last` is
            set and an epoch has no full batch.
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

    The parts of an update, concatenated, are the whole batch in its order.

    Args:
        split: The training images.
        config: Sampling, augmentation and normalization.
        batch_size: Number of images in an update.
        seed: Seed of the run.
        start_step: Index of the first update, from 0.
        num_classes: Length of the targets, if images are mixed; by default the number
            of classes.
        part: The part of each batch to return; the number of parts must divide the
            batch.

    Returns:
        Data set of (images float32 (N, image_size, image_size, 3), labels int32
        (N,)) with the N images of the part; with mixup or CutMix, targets float32 (N,
        num_classes) replace the labels.

    Raises:
        SettingError: If a batch is too large for `sampling` or `drop_last`.
    """
    num_classes = num_classes or len(split.class_names)
    images, labels = _gatherer(split.images), _gatherer(split.labels)
    turned = flips(config, len(split), seed)
    # Mixing needs all images of an update.
    first, last = (WHOLE, part) if config.mixes else (part, WHOLE)

    @_no_autograph
    def batch(step: tf.Tensor, indices: tf.Tensor):
        mine = first.of(indices)
        mirrored = None
        if turned:
            epochs = _epochs(step, len(split), batch_size, config.drop_last)
            mirrored = turned(mine, first.of(epochs))
        own = images(mine), labels(mine)
        prepared = prepare(*own, config, seed, step, num_classes, first, mirrored)
        return tuple(map(last.of, prepared))

    order = config.sampling, config.drop_last
    indices = batch_indices(len(split), batch_size, seed, start_step, *order)
    # Parallel calls change no bit: each depends only on its step, and order is kept.
    batches = indices.enumerate(start_step).map(batch, _parallel_calls())
    return batches.prefetch(4).with_options(_options())


def _epochs(
    step: tf.Tensor, num_images: int, batch_size: int, drop_last: bool
) -> tf.Tensor:
    """Returns the epoch of each image of an update, from 0, int64 (batch_size,)."""
    used = images_an_epoch(num_images, batch_size, drop_last)
    return (step * batch_size + tf.range(batch_size, dtype=tf.int64)) // used


def _gatherer(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from indices (N,) to those rows of `array`.

    A large array is read in place, possibly from disk; a small one is copied into
    TensorFlow's memory.
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
    """Returns the number of batches prepared in parallel, None for sequential calls.

    Each batch holds its images as float32: 150 MB for 256 images of 224 pixels.
    """
    if not tf.config.list_physical_devices("GPU"):
        return None
    return max(1, min(_MOST_CALLS, len(os.sched_getaffinity(0)) - 1))


def _options() -> tf.data.Options:
    """Returns options that limit the input to one thread if the CPU also trains.

    More threads would compete with the threads of the step; `docs/performance.md` lists
    the cost of the input.
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
