import colorsys

import numpy as np
import pytest

from resnet_tf.analysis.in_depth.corruptions import (
    CORRUPTIONS,
    blur,
    brightness,
    contrast,
    jpeg,
    noise,
    spoiled,
)
from resnet_tf.data.digits import load

kinds = pytest.mark.parametrize("kind", CORRUPTIONS, ids=lambda kind: kind.name)


def gray(*rows):
    """Returns one image with gray rows, uint8 array (1, H, W, 3)."""
    return np.array(rows, np.uint8)[None, ..., None].repeat(3, axis=3)


@pytest.fixture(scope="module")
def images():
    return load(test=True).images[:7]


@kinds
def test_each_corruption_has_five_strengths(kind, images):
    first = kind.apply(images, kind.strengths[0], 0)
    assert len(kind.strengths) == 5
    assert (first.dtype, first.shape) == (np.uint8, images.shape)
    distances = [
        np.abs(kind.apply(images, s, 0) - images.astype(float)).mean()
        for s in kind.strengths
    ]
    assert 0 < distances[0] and np.all(np.diff(distances) > 0)


@kinds
def test_results_do_not_depend_on_batches_or_calls(kind, images):
    whole = kind.apply(images, kind.strengths[2], 0)
    parts = [
        kind.apply(images[start : start + 3], kind.strengths[2], start)
        for start in (0, 3, 6)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_noise_has_the_right_deviation_and_differs_between_images():
    middle = np.full((2, 64, 64, 3), 128, np.uint8)
    found = noise(middle, 0.1, 0).astype(float) - 128
    assert found.std() == pytest.approx(25.5, rel=0.02)
    assert abs(found.mean()) < 0.5
    assert abs(np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1]) < 0.05


def test_brightness_and_contrast_by_hand():
    image = gray([0, 100], [100, 200])
    np.testing.assert_array_equal(brightness(image, 0.4), gray([102, 202], [202, 255]))
    np.testing.assert_array_equal(contrast(image, 0.5), gray([50, 100], [100, 150]))


def test_a_blur_is_a_gaussian_relative_to_the_side():
    for side in (32, 64):
        point = np.zeros((1, side, side, 3), np.uint8)
        point[0, side // 2, side // 2] = 255
        spread = blur(point, 1.0)[0, :, :, 0]
        deviation = side / 32
        # The central value of a Gaussian blur of one bright pixel.
        peak = 255 / (2 * np.pi * deviation**2)
        assert spread[side // 2, side // 2] == pytest.approx(peak, abs=1)
    flat = np.full((1, 8, 8, 3), 77, np.uint8)
    np.testing.assert_array_equal(blur(flat, 2.0), flat)


def test_jpeg_does_not_change_a_flat_image():
    flat = np.full((1, 16, 16, 3), 128, np.uint8)
    np.testing.assert_array_equal(jpeg(flat, 10), flat)


def test_one_image_under_all_corruptions(images):
    sheet = spoiled(images[0])
    assert sheet.shape == (5, 6, 32, 32, 3)
    for row, kind in zip(sheet, CORRUPTIONS, strict=True):
        np.testing.assert_array_equal(row[0], images[0])
        expected = kind.apply(images[:1], kind.strengths[4], 0)
        np.testing.assert_array_equal(row[5], expected[0])


def test_brightness_raises_the_value_of_hsv():
    """Each pixel matches `colorsys`, with unchanged hue and saturation."""
    image = np.random.default_rng(0).integers(0, 256, (1, 6, 7, 3), np.uint8)
    image[0, 0, 0] = 0
    found = brightness(image, 0.3)
    for pixel, brighter in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1))
        np.testing.assert_allclose(brighter, 255 * np.array(expected), atol=0.501)
