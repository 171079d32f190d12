"""Tests the alternating flip in the batches of a training."""

import dataclasses
import itertools

import numpy as np
import pytest

from resnet_tf.config import DataConfig
from resnet_tf.data.part import Part
from resnet_tf.data.pipeline import flips, training_batches
from resnet_tf.data.split import Split

CONFIG = DataConfig(
    flip_order="alternating",
    padding_size=0,
    normalization="mean_std",
    channel_mean=(0, 0, 0),
    channel_std=(1, 1, 1),
)
IMAGES, BATCH, EPOCHS = 50, 8, 4


@pytest.fixture(scope="module")
def split() -> Split:
    """Images whose left half has the index as value, and whose right half is 255."""
    images = np.full((IMAGES, 32, 32, 3), 255, np.uint8)
    images[:, :, :16] = np.arange(IMAGES, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return Split("train", images, np.zeros(IMAGES, np.int32), ("a", "b"))


def seen(split, config, updates, batch_size=BATCH, **options):
    """Returns the (index, mirrored) of the images of updates, in order."""
    batches = training_batches(
        split, config, batch_size=batch_size, seed=5, **options
    ).as_numpy_iterator()
    found = []
    for images, _ in itertools.islice(batches, updates):
        for left, right in np.rint(images[:, 16, [0, 31], 0] * 255).astype(int):
            found.append((min(left, right), left == 255))
    return found


def epochs(found, length):
    """Returns which images are mirrored in each epoch, by index."""
    return [dict(found[i : i + length]) for i in range(0, len(found), length)]


@pytest.mark.parametrize(("drop_last", "used"), [(False, 50), (True, 48)])
@pytest.mark.parametrize("crop", ["padded", "resized"])
def test_each_image_is_mirrored_in_every_other_epoch(split, drop_last, used, crop):
    """Batches of 8 of 50 images span two epochs, unless the last is dropped."""
    options = {"crop": crop, "crop_scale": (1, 1), "crop_ratio": (1, 1)}
    config = dataclasses.replace(CONFIG, drop_last=drop_last, **options)
    found = seen(split, config, EPOCHS * used // BATCH)
    first = flips(config, IMAGES, 5)(np.arange(IMAGES), 0).numpy()
    assert 15 <= first.sum() <= 35
    for epoch, sides in enumerate(epochs(found, used)):
        assert len(sides) == used
        for image, mirrored in sides.items():
            assert mirrored == first[image] ^ (epoch % 2)


def test_a_later_start_and_parts_give_the_same_sides(split):
    straight = seen(split, CONFIG, 20)
    assert seen(split, CONFIG, 7, start_step=13) == straight[13 * BATCH :]
    halves = [seen(split, CONFIG, 20, part=Part(index, 2)) for index in range(2)]
    batches = zip(*(np.array(half).reshape(20, 4, 2) for half in halves), strict=True)
    np.testing.assert_array_equal(np.concatenate([*map(np.vstack, batches)]), straight)


def test_a_batch_larger_than_the_data_set_has_several_epochs(split):
    found = seen(split, CONFIG, 1, batch_size=150)
    first, second, third = epochs(found, IMAGES)
    assert first == third == {image: not side for image, side in second.items()}


def test_the_sides_follow_the_seed(split):
    one, other = (flips(CONFIG, IMAGES, seed)(np.arange(IMAGES), 0) for seed in (5, 6))
    assert np.any(one != other)
    assert flips(dataclasses.replace(CONFIG, flip_order="random"), IMAGES, 5) is None
