import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.augment import random_window, standardize, whiten

SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture
def pixels() -> np.ndarray:
    """Images in which no two pixels are equal, except for the channel."""
    grid = np.arange(1, 1 + 200 * 36, dtype=np.int32).reshape(200, 6, 6, 1)
    return np.repeat(grid, 3, axis=-1)


def _windows(image: np.ndarray, padding: int) -> dict[bytes, tuple[int, int, bool]]:
    """Returns (top, left, mirrored) of every window of an image, by its bytes."""
    size = len(image)
    padded = np.pad(image, [(padding, padding), (padding, padding), (0, 0)])
    windows = {}
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = padded[top : top + size, left : left + size]
            windows[window.tobytes()] = (top, left, False)
            windows[window[:, ::-1].tobytes()] = (top, left, True)
    return windows


@pytest.mark.parametrize("padding", [0, 2, 4])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("offsets", ["symmetric", "asymmetric"])
def test_every_image_is_one_of_its_windows(pixels, padding, flip, offsets):
    batch = random_window(tf.constant(pixels), padding, flip, SEED, offsets).numpy()
    found = [
        _windows(image, padding)[window.tobytes()]
        for image, window in zip(pixels, batch, strict=True)
    ]
    tops, lefts, mirrored = zip(*found, strict=True)
    places = 2 * padding + 1 if offsets == "symmetric" or not padding else 2 * padding
    assert set(tops) == set(lefts) == set(range(places))
    assert set(mirrored) == ({False, True} if flip else {False})


@pytest.mark.parametrize("offsets", ["symmetric", "asymmetric"])
def test_windows_by_hand(pixels, offsets):
    """The same draws give the same pixels as a loop over the images."""
    batch = random_window(tf.constant(pixels), 2, True, SEED, offsets)
    places = {"symmetric": 5, "asymmetric": 4}[offsets]
    draws = tf.random.stateless_uniform((200, 3), SEED).numpy()
    for image, (top, left, side), window in zip(pixels, draws, batch, strict=True):
        padded = np.pad(image, [(2, 2), (2, 2), (0, 0)])
        top, left = int(top * places), int(left * places)
        expected = padded[top : top + 6, left : left + 6]
        np.testing.assert_array_equal(
            window, expected[:, ::-1] if side < 0.5 else expected
        )


def test_offsets_are_symmetric_and_uniform():
    images = np.zeros((20_000, 1, 5, 1), np.uint8)
    images[:, 0, 2] = 1
    batch = random_window(tf.constant(images), 2, False, SEED).numpy()
    # The pixel is lost if the only row moves out: for 4 of 5 vertical offsets.
    columns = batch.sum((0, 1, 3), dtype=float)
    assert columns.sum() == pytest.approx(4000, rel=0.05)
    np.testing.assert_allclose(columns, 800, rtol=0.15)


def test_asymmetric_offsets_never_reach_the_last():
    images = np.zeros((20_000, 1, 5, 1), np.uint8)
    images[:, 0, 2] = 1
    batch = random_window(tf.constant(images), 2, False, SEED, "asymmetric").numpy()
    # The pixel stays in the row for 1 of 4 offsets. A window that starts at 4 would
    # show it in column 0.
    columns = batch.sum((0, 1, 3), dtype=float)
    assert columns[0] == 0
    np.testing.assert_allclose(columns[1:], 1250, rtol=0.15)


def test_half_of_the_images_are_mirrored():
    images = np.zeros((20_000, 1, 2, 1), np.uint8)
    images[:, 0, 0] = 1
    batch = random_window(tf.constant(images), 0, True, SEED).numpy()
    assert batch[:, 0, 1].mean() == pytest.approx(0.5, abs=0.01)


def test_the_draws_follow_the_seed(pixels):
    same = [random_window(tf.constant(pixels), 2, True, SEED).numpy() for _ in "ab"]
    np.testing.assert_array_equal(*same)
    other = random_window(tf.constant(pixels), 2, True, SEED + 1).numpy()
    assert np.any(other != same[0])


def test_no_padding_and_no_flip_leave_images_unchanged(pixels):
    batch = random_window(tf.constant(pixels), 0, False, SEED)
    np.testing.assert_array_equal(batch, pixels)


def test_graph_equals_eager(pixels):
    images = tf.constant(pixels)
    graph = tf.function(random_window)(images, 2, True, SEED)
    np.testing.assert_array_equal(graph, random_window(images, 2, True, SEED))


def test_whiten_by_hand():
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    images[0] = 7
    x = images.astype(np.float64)
    mean = x.mean((1, 2, 3), keepdims=True)
    std = np.maximum(x.std((1, 2, 3), keepdims=True), 1 / np.sqrt(3072))
    np.testing.assert_allclose(whiten(tf.constant(images)), (x - mean) / std, atol=1e-4)


def test_standardize_by_hand():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    expected = (images / 255 - mean) / std
    result = standardize(tf.constant(images), mean, std)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_the_images_to_mirror_can_be_given(pixels):
    """The windows are those of the random flip, and only their sides differ."""
    images, given = tf.constant(pixels), np.arange(200) % 3 == 0
    plain = random_window(images, 2, False, SEED)
    batch = random_window(images, 2, tf.constant(given), SEED)
    sides = np.where(given[:, None, None, None], plain[:, :, ::-1], plain)
    np.testing.assert_array_equal(batch, sides)
