import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import batch_indices, normalize, training_batches
from resnet_tf.data.split import Split

CONFIG = DataConfig(dataset="cifar10", normalization="mean_std")


@pytest.fixture
def split() -> Split:
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3))
    labels = np.arange(50, dtype=np.int32) % 10
    return Split("train", images.astype(np.uint8), labels, tuple("abcdefghij"))


def _take(dataset, count):
    return list(itertools.islice(dataset.as_numpy_iterator(), count))


def test_every_epoch_sees_every_image_once():
    indices = np.concatenate(_take(batch_indices(50, 8, seed=1, start_step=0), 25))
    epochs = indices.reshape(4, 50)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(50))
    assert np.any(epochs[0] != epochs[1])


def test_a_batch_may_be_larger_than_the_data_set():
    (indices,) = _take(batch_indices(5, 12, seed=1, start_step=0), 1)
    np.testing.assert_array_equal(np.bincount(indices[:10]), np.full(5, 2))


@pytest.mark.parametrize("start", [1, 6, 7, 23])
def test_a_later_start_gives_the_same_batches(split, start):
    options = {"batch_size": 8, "seed": 5}
    straight = _take(training_batches(split, CONFIG, **options), start + 3)[start:]
    resumed = _take(training_batches(split, CONFIG, start_step=start, **options), 3)
    for (x, y), (u, v) in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_the_seed_changes_order_and_augmentation(split):
    still = dataclasses.replace(CONFIG, padding_size=0, flip=False)
    one, other = (
        _take(training_batches(split, still, batch_size=8, seed=seed), 1)[0]
        for seed in (0, 1)
    )
    assert np.any(one[1] != other[1])


def test_images_keep_their_labels(split):
    still = dataclasses.replace(CONFIG, padding_size=0, flip=False)
    known = {x.tobytes(): y for x, y in zip(split.images, split.labels, strict=True)}
    for images, labels in _take(
        training_batches(split, still, batch_size=8, seed=0), 7
    ):
        raw = images * CONFIG.channel_std + CONFIG.channel_mean
        for image, label in zip(raw, labels, strict=True):
            assert known[np.rint(image * 255).astype(np.uint8).tobytes()] == label


def test_types_and_shapes(split):
    dataset = training_batches(split, CONFIG, batch_size=8, seed=0)
    images, labels = dataset.element_spec
    assert images == tf.TensorSpec((8, 32, 32, 3), tf.float32)
    assert labels == tf.TensorSpec((8,), tf.int32)


@pytest.mark.parametrize("normalization", ["whitening", "mean_std"])
def test_normalize_follows_the_config(split, normalization):
    config = DataConfig(normalization=normalization)
    result = normalize(tf.constant(split.images), config).numpy()
    axes = (1, 2, 3) if normalization == "whitening" else (0, 1, 2)
    tolerance = 1e-4 if normalization == "whitening" else 0.5
    np.testing.assert_allclose(result.mean(axes), 0, atol=tolerance)
    np.testing.assert_allclose(result.std(axes), 1, atol=tolerance)
