from importlib import resources

import numpy as np

from resnet_tf.config import DATASETS, DataConfig
from resnet_tf.data import digits
from resnet_tf.data.digits.make import stratified_order
from resnet_tf.data.sources import load_split

CONFIG = DataConfig(dataset="digits")


def test_sizes():
    sizes = [len(load_split(CONFIG, name)) for name in ("train", "validation", "test")]
    assert sizes == [1257, 180, 360]


def test_no_image_is_in_two_splits():
    with np.load(resources.files(digits).joinpath("digits.npz")) as stored:
        assert sorted(stored["order"]) == list(range(1797))


def test_every_split_is_stratified():
    whole = np.concatenate([digits.Digits(CONFIG).decode(t)[1] for t in (0, 1)])
    shares = np.bincount(whole) / 1797
    for name in ("train", "validation", "test"):
        labels = load_split(CONFIG, name).labels
        counts = np.bincount(labels, minlength=10)
        assert np.all(np.abs(counts - shares * len(labels)) <= 1.5), name


def test_a_pixel_becomes_four_by_four():
    images = load_split(CONFIG, "test").images
    assert images.dtype == np.uint8 and images.shape == (360, 32, 32, 3)
    small = images[:, ::4, ::4, :1]
    np.testing.assert_array_equal(
        images, np.repeat(np.tile(small.repeat(4, 1).repeat(4, 2), 1), 3, axis=3)
    )
    assert set(np.unique(images)) == {level * 255 // 16 for level in range(17)}


def test_the_stated_mean_and_deviation_are_those_of_the_training_images():
    images = load_split(CONFIG, "train").images / 255
    info = DATASETS["digits"].info
    np.testing.assert_allclose(images.mean((0, 1, 2)), info.mean, atol=1e-7)
    np.testing.assert_allclose(images.std((0, 1, 2)), info.std, atol=1e-7)


def test_file_is_small_and_carries_licence_and_citation():
    file = resources.files(digits).joinpath("digits.npz")
    assert len(file.read_bytes()) < 80_000
    with np.load(file, allow_pickle=False) as stored:
        assert "CC BY 4.0" in str(stored["licence"])
        assert "Alpaydin" in str(stored["citation"])


def test_the_order_is_made_by_the_script():
    with np.load(resources.files(digits).joinpath("digits.npz")) as stored:
        np.testing.assert_array_equal(
            stored["order"], stratified_order(stored["labels"], seed=0)
        )
