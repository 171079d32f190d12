"""`training_batches` compared with the TF1 original's input, rebuilt in NumPy.

wenxinxu/resnet-in-tensorflow shuffles the data once and pads it with zeros. An update
takes neighbors from a random start, cuts a window of the original size out of each
padded image, mirrors half of the images, and whitens them.
"""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.split import Split

SEED, BATCH, COUNT, PADDING = 11, 8, 50, 2
CONFIG = DataConfig(
    sampling="window",
    crop_offsets="asymmetric",
    padding_size=PADDING,
    flip=True,
    normalization="whitening",
)


@pytest.fixture
def split() -> Split:
    """Random images; every fifth is black except for a faint value near the center."""
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 32, 32, 3))
    images[::5] = 0
    images[::5, 15, 14, 1] = 1
    labels = np.arange(COUNT, dtype=np.int32) % 10
    return Split("train", images.astype(np.uint8), labels, tuple("abcdefghij"))


def _key(purpose: int, number: int) -> tf.Tensor:
    """Returns the stateless seed of a purpose: 0 order, 1 crop and flip, 2 start."""
    key, number = tf.constant([SEED, purpose], tf.int64), tf.constant(number, tf.int64)
    return tf.random.fold_in(key, number)


def _original(split: Split, steps: int):
    """Yields (images, labels, starts of the crops, smallest deviation) per step."""
    shuffle = tf.random.experimental.stateless_shuffle
    order = shuffle(tf.range(COUNT), _key(0, 0)).numpy()
    sides = (PADDING, PADDING)
    data = np.pad(split.images[order].astype(float), [(0, 0), sides, sides, (0, 0)])
    labels = split.labels[order]
    for step in range(steps):
        start = tf.random.stateless_uniform(
            (), _key(2, step), 0, COUNT - BATCH, tf.int32
        ).numpy()
        draws = tf.random.stateless_uniform((BATCH, 3), _key(1, step)).numpy()
        batch, crops, deviations = [], [], []
        for image, draw in zip(data[start : start + BATCH], draws, strict=True):
            top, left = (int(share * 2 * PADDING) for share in draw[:2])
            image = image[top : top + 32, left : left + 32]
            if draw[2] < 0.5:
                image = image[:, ::-1]
            deviation = max(image.std(), 1 / np.sqrt(32 * 32 * 3))
            batch.append((image - image.mean()) / deviation)
            crops += [top, left]
            deviations.append(image.std())
        yield np.stack(batch), labels[start : start + BATCH], crops, min(deviations)


def test_the_original_habits_are_reproduced(split):
    steps = 12
    batches = training_batches(split, CONFIG, batch_size=BATCH, seed=SEED)
    ours = itertools.islice(batches.as_numpy_iterator(), steps)
    offsets, smallest = set(), 1.0
    for (images, labels), expected in zip(ours, _original(split, steps), strict=True):
        np.testing.assert_array_equal(labels, expected[1])
        np.testing.assert_allclose(images, expected[0], rtol=1e-5, atol=1e-4)
        offsets |= set(expected[2])
        smallest = min(smallest, expected[3])
    # Shifts are -2 to +1, never +2; and the minimum of the deviation was applied.
    assert offsets == {0, 1, 2, 3}
    assert 0 < smallest < 1 / np.sqrt(3072)
