"""Tests on the real CIFAR-10, if `TFDS_DATA_DIR` has it."""

import numpy as np
import pytest

from resnet_tf.config import DATASETS, DataConfig
from resnet_tf.data.sources import load_split

pytestmark = pytest.mark.slow  # The 50,000 training images are decoded.


def test_training_images(real_cifar):
    config = DataConfig(cache_dir=real_cifar, download=False, validation_size=0)
    split = load_split(config, "train")
    assert split.images.shape == (50_000, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(split.labels), np.full(10, 5_000))
    # The first labels of the official file: frog, truck, truck, deer, automobile.
    np.testing.assert_array_equal(split.labels[:5], [6, 9, 9, 4, 1])
    pixels = split.images.reshape(-1, 3) / np.float32(255)
    info = DATASETS["cifar10"].info
    np.testing.assert_allclose(pixels.mean(0, np.float64), info.mean, atol=1e-6)
    np.testing.assert_allclose(pixels.std(0, np.float64), info.std, atol=1e-6)


def test_the_validation_images_are_the_last_by_index(real_cifar):
    config = DataConfig(cache_dir=real_cifar, download=False, validation_size=0)
    whole = load_split(config, "train")
    config = DataConfig(cache_dir=real_cifar, download=False)
    train, validation = load_split(config, "train"), load_split(config, "validation")
    assert (len(train), len(validation)) == (45_000, 5_000)
    np.testing.assert_array_equal(validation.images, whole.images[45_000:])
    np.testing.assert_array_equal(train.labels, whole.labels[:45_000])


def test_test_images(real_cifar):
    split = load_split(DataConfig(cache_dir=real_cifar, download=False), "test")
    # The first labels of the official file: cat, ship, ship, airplane, frog.
    np.testing.assert_array_equal(split.labels[:5], [3, 8, 8, 0, 6])
