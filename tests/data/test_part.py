"""The parts of an update add up to the whole, with any augmentation."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.part import Part
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.split import Split

IMAGES, BATCH, PARTS = 12, 6, 2
STEPS = IMAGES // BATCH


@pytest.fixture(scope="module")
def split():
    """Images whose pixel (0, 0, 0) is the index."""
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(IMAGES)
    labels = np.arange(IMAGES, dtype=np.int32) % 10
    return Split("train", images, labels, tuple("abcdefghij"))


def batches(split, config, part=None):
    options = {} if part is None else {"part": part}
    made = training_batches(split, config, batch_size=BATCH, seed=3, **options)
    return [[x.numpy() for x in batch] for batch in made.take(STEPS)]


@pytest.mark.parametrize(
    "settings",
    [
        {"crop": "resized", "cutout": 8, "sampling": "window"},
        {"mixup": 0.5, "normalization": "whitening"},
        {"cutmix": 1.0, "flip_order": "alternating"},
        {"crop": "resized", "flip_order": "alternating", "erasing": 1.0},
    ],
    ids=str,
)
def test_parts_make_up_the_batch(split, settings):
    config = DataConfig(**settings)
    whole = batches(split, config)
    parts = [batches(split, config, Part(index, PARTS)) for index in range(PARTS)]
    for batch, *pieces in zip(whole, *parts, strict=True):
        for values, *shares in zip(batch, *pieces, strict=True):
            assert {len(share) for share in shares} == {BATCH // PARTS}
            np.testing.assert_array_equal(np.concatenate(shares), values)


def test_replicas_share_the_batch(split):
    """Mixing and alternating flips see the whole batch, not the half of a replica."""
    config = DataConfig(cutmix=1.0, flip_order="alternating", erasing=0.5)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    made = training_batches(split, config, batch_size=BATCH, seed=3)
    shared = strategy.experimental_distribute_dataset(made)
    for whole, values in zip(made.take(STEPS), shared, strict=False):
        for value, share in zip(whole, values, strict=True):
            parts = strategy.experimental_local_results(share)
            assert len(parts) == 2
            np.testing.assert_array_equal(tf.concat(parts, axis=0), value)


def test_all_parts_together_see_each_image_once_an_epoch(split):
    config = DataConfig(
        flip=False,
        padding_size=0,
        normalization="mean_std",
        channel_mean=(0.0, 0.0, 0.0),
        channel_std=(1.0, 1.0, 1.0),
    )
    seen = [
        round(float(image[0, 0, 0]) * 255)
        for index in range(PARTS)
        for images, _ in batches(split, config, Part(index, PARTS))
        for image in images
    ]
    assert sorted(seen) == list(range(IMAGES))
