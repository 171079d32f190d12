import dataclasses
import itertools
import os

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data import pipeline
from resnet_tf.data.auto_augment import rand_augment
from resnet_tf.data.pipeline import (
    augment,
    batch_indices,
    normalize,
    training_batches,
)
from resnet_tf.data.split import Split
from resnet_tf.errors import SettingError

CONFIG = DataConfig(dataset="cifar10", normalization="mean_std")
STILL = dataclasses.replace(CONFIG, padding_size=0, flip=False)
VARIANTS = {
    "plain": {},
    "window": {"sampling": "window", "crop_offsets": "asymmetric"},
    "resized": {"crop": "resized"},
    "mixed": {"cutout": 16, "mixup": 0.4},
    "mean": {"padding_color": "mean", "drop_last": True},
    "large": {"resize": 40, "image_size": 36},
    "tricks": {
        "flip_order": "alternating", "auto_augment": "trivialaugment", "erasing": 0.5,
        "cutmix": 1.0, "cutmix_probability": 0.7, "padding_color": "mean",
    },
    "white": {
        "flip_order": "alternating", "erasing": 1.0, "crop": "resized",
        "normalization": "whitening", "channel_mean": None, "channel_std": None,
    },
}  # fmt: skip


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


def test_drop_last_skips_the_incomplete_batch():
    """An epoch is 6 batches of 8 of the 50 images, at any resumed step."""
    whole = _take(batch_indices(50, 8, seed=1, start_step=0, drop_last=True), 24)
    order = _take(batch_indices(50, 50, seed=1, start_step=0), 4)
    for epoch in range(4):
        seen = np.concatenate(whole[6 * epoch : 6 * epoch + 6])
        np.testing.assert_array_equal(seen, order[epoch][:48])
    for start in (1, 6, 13):
        later = batch_indices(50, 8, seed=1, start_step=start, drop_last=True)
        np.testing.assert_array_equal(_take(later, 24 - start), whole[start:])


def test_drop_last_needs_a_full_batch():
    with pytest.raises(SettingError) as caught:
        batch_indices(5, 6, seed=1, start_step=0, drop_last=True)
    assert str(caught.value) == (
        "train_batch_size must be at most the 5 training images with drop_last, "
        "received 6"
    )


@pytest.mark.parametrize("normalization", ["mean_std", "whitening"])
def test_a_border_of_the_mean_color_is_zero(split, normalization):
    """The images equal those with a black border, and the border is exactly 0."""
    black = DataConfig(normalization=normalization, padding_size=4)
    mean = dataclasses.replace(black, padding_color="mean")
    images, labels = tf.constant(split.images[:16] // 2 + 100), split.labels[:16]
    marked = tf.ones_like(images)
    inside = augment(marked, black, 0, 3).numpy() == 1
    seen, _ = pipeline.prepare(images, labels, mean, 0, 3, 10)
    assert (~inside).sum() > 0 and (seen.numpy()[~inside] == 0).all()
    if normalization == "mean_std":
        other, _ = pipeline.prepare(images, labels, black, 0, 3, 10)
        np.testing.assert_array_equal(seen.numpy()[inside], other.numpy()[inside])
        assert (other.numpy()[~inside] != 0).all()


def test_a_border_of_the_mean_color_is_resized_with_the_image(split):
    config = DataConfig(
        normalization="mean_std", padding_color="mean", resize=40, image_size=36,
        padding_size=4, flip=False,
    )  # fmt: skip
    images = tf.constant(split.images[:4])
    seen, labels = pipeline.prepare(images, split.labels[:4], config, 0, 3, 10)
    assert (seen.shape, seen.dtype) == ((4, 36, 36, 3), tf.float32)
    black = dataclasses.replace(config, padding_color="black")
    other, _ = pipeline.prepare(images, split.labels[:4], black, 0, 3, 10)
    middle = slice(10, 26)  # without the border, only rounding to whole pixels differs
    near = np.abs(seen - other)[:, middle, middle]
    assert near.max() <= 0.51 / 255 / 0.243


def test_a_batch_can_be_larger_than_the_data_set():
    (indices,) = _take(batch_indices(5, 12, seed=1, start_step=0), 1)
    np.testing.assert_array_equal(np.bincount(indices[:10]), np.full(5, 2))


def test_windows_are_neighbors_in_one_order():
    """Every start from 0 to N - batch - 1 occurs, and the last image never does."""
    windows = _take(batch_indices(50, 8, seed=1, start_step=0, sampling="window"), 800)
    follower = {}
    for window in windows:
        for image, following in itertools.pairwise(window):
            assert follower.setdefault(image, following) == following
    first = set(follower) - set(follower.values())
    assert len(first) == 1
    order = [*first]
    while order[-1] in follower:
        order.append(follower[order[-1]])
    assert len(order) == len(set(order)) == 49
    assert {order.index(window[0]) for window in windows} == set(range(42))
    assert order != sorted(order)


def test_a_window_must_be_smaller_than_the_data_set():
    rule = "train_batch_size must be below the 8 training images"
    with pytest.raises(SettingError, match=f"{rule} .* received 8"):
        batch_indices(8, 8, seed=1, start_step=0, sampling="window")


@pytest.mark.parametrize(
    ("variant", "start"),
    [*itertools.product(["plain"], [1, 6, 7, 23]), *itertools.product(VARIANTS, [9])],
)
def test_a_later_start_gives_the_same_batches(split, variant, start):
    config = dataclasses.replace(CONFIG, **VARIANTS[variant])
    options = {"batch_size": 8, "seed": 5}
    straight = _take(training_batches(split, config, **options), start + 3)[start:]
    resumed = _take(training_batches(split, config, start_step=start, **options), 3)
    for (x, y), (u, v) in zip(straight, resumed, strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def test_the_seed_changes_order_and_augmentation(split):
    one, other = (
        _take(training_batches(split, STILL, batch_size=8, seed=seed), 1)[0]
        for seed in (0, 1)
    )
    assert np.any(one[1] != other[1])


def test_images_keep_their_labels(split):
    known = {x.tobytes(): y for x, y in zip(split.images, split.labels, strict=True)}
    for images, labels in _take(
        training_batches(split, STILL, batch_size=8, seed=0), 7
    ):
        raw = images * CONFIG.channel_std + CONFIG.channel_mean
        for image, label in zip(raw, labels, strict=True):
            assert known[np.rint(image * 255).astype(np.uint8).tobytes()] == label


@pytest.mark.parametrize(("variant", "side"), [("plain", 32), ("large", 36)])
def test_types_and_shapes(split, variant, side):
    config = dataclasses.replace(CONFIG, **VARIANTS[variant])
    dataset = training_batches(split, config, batch_size=8, seed=0)
    images, labels = dataset.element_spec
    assert images == tf.TensorSpec((8, side, side, 3), tf.float32)
    assert labels == tf.TensorSpec((8,), tf.int32)


@pytest.mark.parametrize("trick", ["mixup", "cutmix"])
@pytest.mark.parametrize("num_classes", [None, 12])
def test_mixing_gives_targets(split, num_classes, trick):
    config = dataclasses.replace(CONFIG, **{trick: 0.4})
    batches = training_batches(
        split, config, batch_size=8, seed=0, num_classes=num_classes
    )
    images, targets = batches.element_spec
    assert images == tf.TensorSpec((8, 32, 32, 3), tf.float32)
    assert targets == tf.TensorSpec((8, num_classes or 10), tf.float32)
    for _, targets in _take(batches, 3):
        np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)


def test_mixup_mixes_the_plain_batch(split):
    """Images and targets are mixed by the same share and permutation."""
    options = {"batch_size": 8, "seed": 4}
    plain = _take(training_batches(split, CONFIG, **options), 5)
    config = dataclasses.replace(CONFIG, mixup=1.0)
    mixed = _take(training_batches(split, config, **options), 5)
    shares = set()
    for (images, labels), (blends, targets) in zip(plain, mixed, strict=True):
        # Row i of `weights` expresses blend i as a sum of the images.
        flat = images.reshape(8, -1), blends.reshape(8, -1)
        weights = np.linalg.lstsq(flat[0].T, flat[1].T, rcond=None)[0].T
        np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-3)
        np.testing.assert_allclose(weights @ np.eye(10)[labels], targets, atol=1e-3)
        shares.add(round(float(np.diag(weights).min()), 4))
    assert len(shares) == 5


def test_cutout_blanks_after_normalization(split):
    options = {"batch_size": 8, "seed": 4}
    plain = _take(training_batches(split, CONFIG, **options), 5)
    config = dataclasses.replace(CONFIG, cutout=16)
    cut = _take(training_batches(split, config, **options), 5)
    places = set()
    for (images, _), (others, _) in zip(plain, cut, strict=True):
        blank = (others == 0).all(axis=-1)
        np.testing.assert_array_equal(others[~blank], images[~blank])
        for rows, columns in zip(blank.any(axis=2), blank.any(axis=1), strict=True):
            assert 8 <= rows.sum() <= 16 and 8 <= columns.sum() <= 16
            places.add((rows.tobytes(), columns.tobytes()))
    assert len(places) > 30


def test_erasing_shows_noise_like_an_image(split):
    """A white image normalized by mean_std becomes pixels from 0 to 255 in places."""
    white = dataclasses.replace(split, images=np.full_like(split.images, 255))
    still = dataclasses.replace(STILL, erasing=0.5)
    ((images, _),) = _take(training_batches(white, still, batch_size=50, seed=0), 1)
    pixels = 255 * (images * STILL.channel_std + STILL.channel_mean)
    np.testing.assert_allclose(pixels, np.rint(pixels), atol=1e-3)
    erased = (np.rint(pixels) < 255).any(axis=(1, 2, 3))
    assert 0.3 < erased.mean() < 0.7
    noise = pixels[np.rint(pixels) < 255]
    assert noise.min() < 1 and noise.max() > 253
    assert noise.mean() == pytest.approx(127, abs=2)


def test_transforms_come_before_the_crop(split):
    """So the border of the crop has its own color, and a window is of 32x32 pixels."""
    config = dataclasses.replace(STILL, auto_augment="randaugment")
    images = tf.constant(split.images)
    seeds = pipeline._seed(3, pipeline._AUTO, 7)
    transformed = rand_augment(images, 2, 9, seeds)
    np.testing.assert_array_equal(augment(images, config, 3, 7), transformed)
    crops = dataclasses.replace(CONFIG, padding_size=4)
    both = dataclasses.replace(crops, auto_augment="randaugment")
    expected = augment(transformed, crops, 3, 7)
    np.testing.assert_array_equal(augment(images, both, 3, 7), expected)


def test_resized_crops_are_chosen_by_the_config(split):
    """The images are gradients, so values show how much of the image a crop covers."""
    ramp = np.arange(32, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    images = tf.constant(np.broadcast_to(ramp, (64, 32, 32, 3)))
    config = DataConfig(crop="resized", crop_scale=(0.25, 0.25), crop_ratio=(1, 1))
    result = augment(images, config, seed=0, step=0).numpy()
    np.testing.assert_array_equal(np.ptp(result, axis=(1, 2, 3)), 15)
    assert set(result.min((1, 2, 3))) <= set(range(17))
    large = dataclasses.replace(config, image_size=48, resize=64)
    result = augment(images, large, seed=0, step=0)
    assert result.shape == (64, 48, 48, 3)
    np.testing.assert_array_equal(np.ptp(result, axis=(1, 2, 3)), 15)


def test_a_large_array_is_read_in_place(split, tmp_path, monkeypatch):
    options = {"batch_size": 8, "seed": 5, "start_step": 3}
    expected = _take(training_batches(split, CONFIG, **options), 3)
    np.save(tmp_path / "images.npy", split.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    monkeypatch.setattr(pipeline, "_LARGEST_COPY", split.images.nbytes - 1)
    monkeypatch.setattr(tf, "constant", _refuse_images(tf.constant))
    batches = training_batches(
        dataclasses.replace(split, images=mapped), CONFIG, **options
    )
    assert batches.element_spec[0] == tf.TensorSpec((8, 32, 32, 3), tf.float32)
    for (x, y), (u, v) in zip(expected, _take(batches, 3), strict=True):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)


def _refuse_images(constant):
    def checked(value, *args, **kwargs):
        assert np.ndim(value) < 4, "the images were copied"
        return constant(value, *args, **kwargs)

    return checked


@pytest.mark.parametrize("normalization", ["whitening", "mean_std"])
def test_normalize_follows_the_config(split, normalization):
    config = DataConfig(normalization=normalization)
    result = normalize(tf.constant(split.images), config).numpy()
    axes = (1, 2, 3) if normalization == "whitening" else (0, 1, 2)
    tolerance = 1e-4 if normalization == "whitening" else 0.5
    np.testing.assert_allclose(result.mean(axes), 0, atol=tolerance)
    np.testing.assert_allclose(result.std(axes), 1, atol=tolerance)


def test_normalize_resizes_and_crops_the_center(split):
    images = tf.constant(split.images)
    config = dataclasses.replace(CONFIG, resize=40, image_size=36)
    resized = tf.round(tf.image.resize(images, (40, 40)))[:, 2:38, 2:38] / 255
    expected = (resized - CONFIG.channel_mean) / CONFIG.channel_std
    np.testing.assert_allclose(normalize(images, config), expected, atol=1e-5)
    # Without `resize` the whole image is resized for the network.
    config = dataclasses.replace(CONFIG, image_size=16)
    resized = tf.round(tf.image.resize(images, (16, 16), antialias=True)) / 255
    expected = (resized - CONFIG.channel_mean) / CONFIG.channel_std
    np.testing.assert_allclose(normalize(images, config), expected, atol=1e-5)


def test_training_and_evaluation_see_the_same_images(split):
    """Without augmentation the images are the same, at any size."""
    config = dataclasses.replace(STILL, resize=40, image_size=36)
    ((images, labels),) = _take(
        training_batches(split, config, batch_size=50, seed=0), 1
    )
    stored = normalize(tf.constant(split.images), config).numpy()
    known = {image.tobytes() for image in stored}
    assert len(known) == 50 and {image.tobytes() for image in images} == known


def test_parallel_calls_change_no_bit(split, monkeypatch):
    def first(calls: int | None):
        monkeypatch.setattr(pipeline, "_parallel_calls", lambda: calls)
        config = dataclasses.replace(CONFIG, **VARIANTS["mixed"])
        batches = training_batches(split, config, batch_size=16, seed=3, start_step=7)
        return [tuple(map(np.asarray, batch)) for batch in batches.take(6)]

    for one, other in zip(first(None), first(4), strict=True):
        for array, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, same)


def test_parallel_calls_need_an_accelerator(monkeypatch):
    assert pipeline._parallel_calls() is None
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a"])
    for cpus, calls in ((1, 1), (2, 1), (5, 4), (64, 8)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cpus: set(range(n)))
        assert pipeline._parallel_calls() == calls


@pytest.mark.parametrize("variant", VARIANTS)
def test_autograph_does_not_rewrite_the_input(split, variant, monkeypatch):
    seen, state = set(), tf.__internal__.autograph.control_status_ctx
    for name in ("prepare", "_seed"):
        plain = getattr(pipeline, name)

        def noted(*args, name=name, plain=plain):
            # `_seed` is also called outside of any function.
            if not tf.executing_eagerly():
                seen.add((name, state().status.name))
            return plain(*args)

        monkeypatch.setattr(pipeline, name, noted)
    config = dataclasses.replace(CONFIG, **VARIANTS[variant])
    training_batches(split, config, batch_size=8, seed=0)
    assert seen == {("prepare", "DISABLED"), ("_seed", "DISABLED")}
