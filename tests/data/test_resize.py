import math

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.resize import random_resized_crop, resize_and_crop

SEED = tf.constant([3, 4], tf.int64)
UVA = {"scale": (0.8, 1.0), "ratio": (0.9, 1.1)}
IMAGENET = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}
ELONGATED = {"scale": (0.5, 1.0), "ratio": (1.5, 2.5)}
NEVER_FITS = {"scale": (1.0, 1.0), "ratio": (2.0, 3.0)}


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (150, 8, 8, 3)).astype(np.uint8)


def _draws(count: int) -> np.ndarray:
    return tf.random.stateless_uniform((count, 23), SEED).numpy().astype(np.float64)


def _box(draws, height, width, scale, ratio) -> tuple[int, int, int, int, int]:
    """Returns (try, top, left, height, width) for one image; try 10 if none fits."""
    logs = [math.log(limit) for limit in ratio]
    for trial in range(10):
        area = height * width * (scale[0] + draws[trial] * (scale[1] - scale[0]))
        aspect = math.exp(logs[0] + draws[10 + trial] * (logs[1] - logs[0]))
        wide, tall = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < tall <= height:
            top = int(draws[20] * (height - tall + 1))
            left = int(draws[21] * (width - wide + 1))
            return trial, top, left, tall, wide
    wide, tall = width, height
    if width / height < ratio[0]:
        tall = round(width / ratio[0])
    elif width / height > ratio[1]:
        wide = round(height * ratio[1])
    return 10, (height - tall) // 2, (width - wide) // 2, tall, wide


def _enlarged(image: np.ndarray, size: int) -> np.ndarray:
    """Enlarges by bilinear interpolation with half-pixel centers, pixel by pixel."""
    height, width, channels = image.shape
    result = np.empty((size, size, channels))
    for i in range(size):
        for j in range(size):
            y = min(max((i + 0.5) * height / size - 0.5, 0), height - 1)
            x = min(max((j + 0.5) * width / size - 0.5, 0), width - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, height - 1), min(left + 1, width - 1)
            y, x = y - top, x - left
            upper = (1 - x) * image[top, left] + x * image[top, right]
            lower = (1 - x) * image[below, left] + x * image[below, right]
            result[i, j] = (1 - y) * upper + y * lower
    return result


def _assert_rounded(result, expected):
    """Asserts that each number is the expected one rounded up or down."""
    assert result.dtype == tf.uint8
    np.testing.assert_allclose(result, expected, rtol=0, atol=0.5 + 1e-3)


@pytest.mark.parametrize(
    ("rule", "tries"),
    [(UVA, {0}), (IMAGENET, {0, 1}), (ELONGATED, {*range(11)}), (NEVER_FITS, {10})],
    ids=["uva", "imagenet", "elongated", "never fits"],
)
@pytest.mark.parametrize("shape", [(8, 8), (7, 8), (8, 5)])
def test_random_resized_crop_by_hand(images, rule, tries, shape):
    height, width = shape
    images = images[:, :height, :width]
    batch = random_resized_crop(tf.constant(images), 9, flip=True, seed=SEED, **rule)
    expected, used = [], set()
    for image, draws in zip(images, _draws(len(images)), strict=True):
        trial, top, left, tall, wide = _box(draws, height, width, **rule)
        part = _enlarged(image[top : top + tall, left : left + wide], 9)
        expected.append(part[:, ::-1] if draws[22] < 0.5 else part)
        used.add(trial)
    _assert_rounded(batch, np.stack(expected))
    if shape == (8, 8):
        assert used == tries


def test_a_crop_that_shrinks_is_antialiased(images):
    """Each crop agrees with TensorFlow's resize of the same part."""
    batch = random_resized_crop(tf.constant(images), 3, flip=False, seed=SEED, **UVA)
    for image, draws, result in zip(images, _draws(150), batch, strict=True):
        _, top, left, tall, wide = _box(draws, 8, 8, **UVA)
        part = image[top : top + tall, left : left + wide]
        _assert_rounded(result, tf.image.resize(part, (3, 3), antialias=True))


def test_every_part_occurs_and_half_are_mirrored():
    """The corners of a result show the place of its part."""
    rows, columns = np.mgrid[:8, :8]
    image = np.stack([32 * rows, 32 * columns, 0 * rows], axis=-1).astype(np.uint8)
    images = tf.constant(np.repeat(image[np.newaxis], 5_000, axis=0))
    batch = random_resized_crop(images, 16, (0.25, 1.0), (1.0, 1.0), True, SEED)
    corners = batch.numpy()[:, [0, -1], [0, -1], :2] // 32  # (N, first or last, axis)
    mirrored = corners[:, 0, 1] > corners[:, 1, 1]
    assert mirrored.mean() == pytest.approx(0.5, abs=0.02)
    corners = np.sort(corners, axis=1)
    sides = corners[:, 1] - corners[:, 0] + 1
    np.testing.assert_array_equal(sides[:, 0], sides[:, 1])
    found = {
        (side, *start) for (side, _), start in zip(sides, corners[:, 0], strict=True)
    }
    assert found == {
        (side, top, left)
        for side in range(4, 9)
        for top in range(9 - side)
        for left in range(9 - side)
    }


def test_the_whole_image_at_its_size_is_unchanged(images):
    whole = ((1.0, 1.0), (1.0, 1.0))
    batch = random_resized_crop(tf.constant(images), 8, *whole, False, SEED)
    np.testing.assert_array_equal(batch, images)


@pytest.mark.parametrize("ratio", [0.01, 100.0])
def test_a_part_has_at_least_one_pixel(images, ratio):
    ratio = (ratio, ratio)
    batch = random_resized_crop(
        tf.constant(images), 8, (1.0, 1.0), ratio, flip=False, seed=SEED
    )
    centre = images[:, :, 3:4] if ratio[0] < 1 else images[:, 3:4]
    np.testing.assert_array_equal(batch, np.broadcast_to(centre, images.shape))


def test_the_draws_follow_the_seed(images):
    def crop(seed):
        return random_resized_crop(images, 8, (0.5, 1.0), (0.9, 1.1), True, seed)

    images = tf.constant(images)
    np.testing.assert_array_equal(crop(SEED), crop(SEED))
    np.testing.assert_array_equal(crop(SEED), tf.function(crop)(SEED))
    assert np.any(crop(SEED) != crop(SEED + 1))


def test_images_that_fit_are_unchanged(images):
    images = tf.constant(images)
    assert resize_and_crop(images, 8, 8) is images


@pytest.mark.parametrize(("size", "start"), [(6, 1), (5, 1), (8, 0)])
def test_the_center_is_cropped(images, size, start):
    centre = images[:, start : start + size, start : start + size]
    np.testing.assert_array_equal(resize_and_crop(images, 8, size), centre)


@pytest.mark.parametrize("side", [9, 16, 20])
def test_enlarged_by_hand(images, side):
    images = images[:5]
    expected = np.stack([_enlarged(image, side) for image in images])
    start = (side - 8) // 2
    centre = expected[:, start : start + 8, start : start + 8]
    _assert_rounded(resize_and_crop(tf.constant(images), side, side), expected)
    _assert_rounded(resize_and_crop(tf.constant(images), side, 8), centre)


def test_halved_by_hand(images):
    """Halving takes shares 1, 3, 3, 1 of four neighbors, except at the border."""
    shares = np.zeros((4, 10))
    for row in range(4):
        shares[row, 2 * row : 2 * row + 4] = 1, 3, 3, 1
    shares = shares[:, 1:-1]
    shares /= shares.sum(axis=1, keepdims=True)
    expected = np.einsum("yh,nhwc,xw->nyxc", shares, images, shares)
    _assert_rounded(resize_and_crop(tf.constant(images), 4, 4), expected)
