import itertools

import numpy as np
import pytest

from resnet_tf.config import DataConfig
from resnet_tf.data.mixing import mixup
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.renormalize import renormalize, require_renormalizable
from resnet_tf.errors import SettingError

OURS = DataConfig(normalization="mean_std")
OTHER = DataConfig(
    normalization="mean_std",
    channel_mean=(0.2, 0.5, 0.6),
    channel_std=(0.3, 0.2, 0.1),
)
WHITE = DataConfig(normalization="whitening")


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("before", "after"),
    [*itertools.permutations((OURS, OTHER), 2), (OURS, WHITE), (OTHER, WHITE)],
)
def test_it_equals_the_normalization_of_the_pixels(before, after, pixels):
    found = renormalize(normalize(pixels, before), before, after).numpy()
    assert found.dtype == np.float32
    exact = pixels / 255.0
    if after is WHITE:
        axes = (1, 2, 3)
        exact = exact - exact.mean(axes, keepdims=True)
        exact /= exact.std(axes, keepdims=True)
    else:
        exact = (exact - np.array(after.channel_mean)) / np.array(after.channel_std)
    np.testing.assert_allclose(found, exact, atol=2e-5)
    np.testing.assert_allclose(found, normalize(pixels, after), atol=2e-5)


@pytest.mark.parametrize("config", [OURS, WHITE])
def test_equal_normalizations_change_nothing(config, pixels):
    images = normalize(pixels, config)
    require_renormalizable(config, config)
    assert renormalize(images, config, config) is images


def test_mixed_images_stay_mixed(pixels):
    mixed = [
        mixup(normalize(pixels, config), np.arange(8), 10, 1.0, (1, 2))[0]
        for config in (OURS, OTHER)
    ]
    found = renormalize(mixed[0], OURS, OTHER)
    np.testing.assert_allclose(found, mixed[1], atol=2e-5)


def test_whitened_images_cannot_be_converted():
    require_renormalizable(OURS, WHITE)
    with pytest.raises(SettingError) as caught:
        require_renormalizable(WHITE, OURS)
    assert str(caught.value) == (
        "normalization must be mean_std for a teacher that was trained with mean_std, "
        "received whitening, which removes the mean of each image"
    )
