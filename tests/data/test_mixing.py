"""Tests mixup and CutMix against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.data.mixing import cutmix, mixup

SEED = tf.constant([3, 4], tf.int64)


def test_mixup_by_hand():
    """Image i is 1 in channel i, so that a mixed image shows its two members."""
    images = tf.reshape(tf.eye(20), (20, 1, 1, 20))
    mixed, targets = mixup(images, tf.range(20) % 3, 3, 1.0, SEED)
    mixed = mixed.numpy().reshape(20, 20)
    share = np.diag(mixed).min()
    assert 0 < share < 1
    others = mixed - np.diag(np.diag(mixed))
    partners = np.where(others.any(axis=1), others.argmax(axis=1), range(20))
    np.testing.assert_array_equal(np.sort(partners), np.arange(20))
    for i, partner in enumerate(partners):
        image, target = np.zeros(20), np.zeros(3)
        for member, weight in ((i, share), (partner, 1 - share)):
            image[member] += weight
            target[member % 3] += weight
        np.testing.assert_allclose(mixed[i], image, atol=1e-6)
        np.testing.assert_allclose(targets[i], target, atol=1e-6)


def test_mixup_gives_floats_and_follows_the_seed():
    images, labels = tf.random.normal((4, 5, 5, 3)), tf.constant([0, 1, 2, 1])

    def mix(seed):
        return mixup(images, labels, 3, 0.4, seed)

    results = mix(SEED), tf.function(mix)(SEED), mix(SEED + 1)
    for one, same, other in zip(*results, strict=True):
        assert one.dtype == tf.float32
        np.testing.assert_array_equal(one, same)
        assert np.any(one != other)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_share_is_beta(alpha):
    """The mean is 1/2 and the variance 1 / (4 (2 alpha + 1)) over many seeds."""
    shares = _shares(alpha)
    assert shares.mean() == pytest.approx(0.5, abs=0.02)
    assert shares.var() == pytest.approx(0.25 / (2 * alpha + 1), rel=0.1)
    assert np.all((shares >= 0) & (shares <= 1))


def test_a_tiny_alpha_mixes_nothing():
    shares = _shares(1e-6)
    assert set(np.round(shares, 3)) == {0.0, 1.0}
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def _shares(alpha: float) -> np.ndarray:
    """Returns the shares of 4,000 batches: the rest of an image's own class.

    It is 1 for an image that is its own partner, but never for all ten.
    """
    images, labels = tf.zeros((10, 1, 1, 1)), tf.range(10)

    def share(seed):
        _, targets = mixup(images, labels, 10, alpha, seed)
        return tf.reduce_min(tf.linalg.diag_part(targets))

    seeds = tf.stack([tf.range(4_000, dtype=tf.int64)] * 2, axis=1)
    shares = tf.function(
        lambda: tf.map_fn(share, seeds, fn_output_signature=tf.float32)
    )
    return shares().numpy()


def _cutmix(images, labels, num_classes, seed, probability=1.0):
    """Returns CutMix with alpha 1 by loops, with the same draws, and the box."""
    share_seed, order_seed, box_seed = tf.unstack(tf.random.split(seed, 3))
    share = _share(share_seed)
    order = tf.random.experimental.stateless_shuffle(tf.range(len(images)), order_seed)
    order = order.numpy()
    top, left, chance = tf.random.stateless_uniform((3,), box_seed).numpy()
    _, height, width, _ = images.shape
    mixed, pasted = images.copy(), 0
    side = np.sqrt(np.float32(1) - share)
    tall, wide = int(height * side) // 2, int(width * side) // 2
    center = int(top * height), int(left * width)
    if chance < probability:
        rows = range(max(0, center[0] - tall), min(height, center[0] + tall))
        columns = range(max(0, center[1] - wide), min(width, center[1] + wide))
        for row in rows:
            for column in columns:
                mixed[:, row, column] = images[order, row, column]
        pasted = len(rows) * len(columns) / (height * width)
    own = np.eye(num_classes)[labels]
    return mixed, (1 - pasted) * own + pasted * own[order], pasted


def _share(seed):
    """Returns the draw from Beta(1, 1), which mixup makes from the same seed."""
    gamma_seed, power_seed = tf.unstack(tf.random.split(seed))
    gamma = tf.random.stateless_gamma((2,), gamma_seed, 2.0)
    power = 1 - tf.random.stateless_uniform((2,), power_seed)
    first, second = tf.unstack(gamma * power)
    return (first / (first + second)).numpy()


def test_cutmix_by_hand():
    """The targets follow the pixels that are really pasted, at any border."""
    images = np.random.default_rng(0).normal(size=(6, 9, 12, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 2, 1, 0], np.int32)
    mix = tf.function(lambda seed: cutmix(images, labels, 3, 1.0, 0.7, seed))
    shares = []
    for number in range(60):
        seed = tf.constant([number, 7], tf.int64)
        mixed, targets = mix(seed)
        image, target, pasted = _cutmix(images, labels, 3, seed, 0.7)
        np.testing.assert_array_equal(mixed, image)
        np.testing.assert_allclose(targets, target, atol=1e-6)
        shares.append(pasted)
    unmixed = shares.count(0)
    assert 10 < unmixed < 35  # 30 % of the batches, and boxes without a pixel
    assert len(set(shares)) > 12 and max(shares) > 0.5


def test_cutmix_mixes_with_any_alpha():
    images, labels = tf.random.normal((4, 8, 8, 3)), tf.constant([0, 1, 2, 1])
    for alpha in (1e-6, 0.2, 1000.0):
        mixed, targets = cutmix(images, labels, 3, alpha, 1.0, SEED)
        assert mixed.dtype == targets.dtype == tf.float32
        assert np.isfinite(mixed).all() and targets.shape == (4, 3)
        np.testing.assert_allclose(tf.reduce_sum(targets, axis=1), 1, rtol=1e-6)
