"""Tests which transforms TrivialAugment and RandAugment draw for each image."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.auto_augment import (
    STRENGTHS,
    WIDE,
    narrow,
    rand_augment,
    trivial_augment,
)
from resnet_tf.data.part import WHOLE, Part

SEED = tf.constant([3, 4], tf.int64)
COUNT = 60


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 3), np.uint8)


def _alone(operations, image, kind, strength, sign):
    """Returns one image after one transform, computed alone."""
    operation, parameters = operations[int(kind * len(operations))]
    row = int(strength) + STRENGTHS * int(sign < 0.5)
    (found,) = operation(tf.constant(image[np.newaxis]), parameters[row : row + 1])
    return found.numpy()


def test_trivial_augment_by_hand(images):
    """The input pipeline gives each image its own transform, strength and sign."""
    data = tf.data.Dataset.from_tensors(images)
    (found,) = data.map(lambda batch: trivial_augment(batch, SEED))
    draws = tf.random.stateless_uniform((COUNT, 3), SEED).numpy()
    operations = WIDE.operations(16, 16)
    assert len(set((draws[:, 0] * 14).astype(int))) == 14
    assert len(set((draws[:, 2] * STRENGTHS).astype(int))) > 20
    for image, (kind, sign, strength), seen in zip(images, draws, found, strict=True):
        expected = _alone(operations, image, kind, strength * STRENGTHS, sign)
        np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize(("count", "strength"), [(1, 0), (3, 30)])
def test_rand_augment_by_hand(images, count, strength):
    images = images[:20]
    found = tf.function(rand_augment)(tf.constant(images), count, strength, SEED)
    draws = tf.random.stateless_uniform((20, 2 * count), SEED).numpy()
    operations = narrow(16, 16).operations(16, 16)
    for image, row, seen in zip(images, draws, found, strict=True):
        for kind, sign in row.reshape(count, 2):
            image = _alone(operations, image, kind, strength, sign)
        np.testing.assert_array_equal(seen, image)


def test_parts_make_up_the_batch_and_the_seed_decides(images):
    def augment(batch, seed=SEED, part=WHOLE):
        one = trivial_augment(tf.constant(batch), seed, part)
        return rand_augment(one, 2, 9, seed, part).numpy()

    whole = augment(images)
    halves = [
        augment(half, part=Part(index, 2))
        for index, half in enumerate((images[:30], images[30:]))
    ]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    assert np.any(augment(images, SEED + 1) != whole)


def test_an_image_can_be_alone(images):
    one = tf.constant(images[:1])
    assert trivial_augment(one, SEED).shape == (1, 16, 16, 3)
