"""Tests cutout and random erasing against loops over the images."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.erasing import cutout, random_erasing, random_pixels
from resnet_tf.data.part import Part

SEED = tf.constant([3, 4], tf.int64)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 10])
def test_cutout_by_hand(size):
    images = np.random.default_rng(0).normal(size=(100, 6, 8, 3)).astype(np.float32)
    result = cutout(tf.constant(images), size, SEED)
    draws = tf.random.stateless_uniform((100, 2), SEED).numpy()
    expected = images.copy()
    for image, (row, column) in zip(expected, draws, strict=True):
        top, left = int(row * 6) - size // 2, int(column * 8) - size // 2
        for i in range(top, top + size):
            for j in range(left, left + size):
                if 0 <= i < 6 and 0 <= j < 8:
                    image[i, j] = 0
    np.testing.assert_array_equal(result, expected)
    blank = (expected == 0).all(axis=-1).sum((1, 2))
    assert blank.max() == min(size, 6) * min(size, 8)
    assert blank.min() < blank.max() or size == 1


def test_every_pixel_can_be_the_center_of_a_cutout():
    result = cutout(tf.ones((12_000, 4, 3, 2)), 1, SEED).numpy()
    np.testing.assert_array_equal((result == 0).sum((1, 2, 3)), 2)
    counts = (result == 0).all(axis=-1).sum(axis=0)
    np.testing.assert_allclose(counts, np.full((4, 3), 1000), rtol=0.1)


def _rectangle(draws: np.ndarray, height: int, width: int):
    """Returns the number of tries and the rows and columns, or None, for 23 draws."""
    areas, aspects, (top, left, chance) = draws[:10], draws[10:20], draws[20:]
    if chance >= 0.6:
        return None
    for tries, (area, aspect) in enumerate(zip(areas, aspects, strict=True), 1):
        pixels = height * width * (0.02 + area * (0.4 - 0.02))
        ratio = 0.3 + aspect * (1 / 0.3 - 0.3)
        tall, wide = round(np.sqrt(pixels * ratio)), round(np.sqrt(pixels / ratio))
        if tall < height and wide < width:
            row, column = int(top * (height - tall + 1)), int(left * (width - wide + 1))
            return tries, slice(row, row + tall), slice(column, column + wide)
    raise AssertionError("no try fits")


def test_random_erasing_by_hand():
    shape = (500, 12, 10, 3)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    noise = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    erase = tf.function(random_erasing)
    result = erase(tf.constant(images), tf.constant(noise), 0.6, SEED)
    draws = tf.random.stateless_uniform((500, 23), SEED).numpy()
    expected, tries = images.copy(), []
    for image, own, row in zip(expected, noise, draws, strict=True):
        if found := _rectangle(row, 12, 10):
            tries.append(found[0])
            image[found[1:]] = own[found[1:]]
    np.testing.assert_array_equal(result, expected)
    assert len(tries) == pytest.approx(300, abs=35) and max(tries) > 1
    shares = (expected != images).all(axis=-1).mean((1, 2))
    shares = shares[shares > 0]
    assert len(shares) == len(tries)
    assert shares.min() < 0.05 and shares.max() > 0.36
    assert shares.mean() == pytest.approx(0.21, abs=0.02)


def test_random_pixels_are_uniform_and_follow_the_seed():
    images = tf.zeros((40, 8, 8, 3))
    noise = random_pixels(images, SEED)
    assert (noise.shape, noise.dtype) == (images.shape, tf.uint8)
    counts = np.bincount(noise.numpy().ravel(), minlength=256)
    assert counts.min() > 0 and counts.std() == pytest.approx(30**0.5, rel=0.2)
    halves = [random_pixels(images[:20], SEED, Part(i, 2)) for i in range(2)]
    np.testing.assert_array_equal(tf.concat(halves, axis=0), noise)
