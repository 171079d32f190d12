"""Tests each transform of TrivialAugment and RandAugment against Pillow, to the bit."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from resnet_tf.data.auto_augment import STRENGTHS, WIDE, narrow
from resnet_tf.data.digits import load

# Height and width for the strengths of TrivialAugment and of RandAugment.
SIDES = {"wide": (32, 32), "narrow": (17, 24)}
NAMES = (
    "identity shear_x shear_y right down rotation brightness color contrast sharpness "
    "posterize solarize autocontrast equalize"
).split()


def pictures(height: int, width: int) -> np.ndarray:
    """Photograph-like images, noise, few and uniform colors, and extreme values."""
    generator = np.random.default_rng(0)
    waves = generator.normal(size=(8, 2, 1, 1, 3)).cumsum(axis=0)
    y, x = np.mgrid[:height, :width, :1][:2]
    smooth = 127 + 120 * np.sin(waves[:, 0] * x / 9 + waves[:, 1] * y / 7)
    noise = generator.integers(0, 256, (8, height, width, 3))
    faint = generator.integers(100, 104, (2, height, width, 3))
    rare = np.where(noise[:2] < 3, 255, 7)
    whole = np.concatenate(
        [smooth, noise, faint, rare, 0 * noise[:1], noise[:1] // 128]
    )
    return whole.astype(np.uint8)


def _affine(image: Image.Image, *row: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, row)


def _enhanced(kind):
    return lambda image, strength: kind(image).enhance(1 + strength)


# Each transform of Pillow as torchvision calls it, from an image and a signed strength.
PILLOW = {
    "identity": lambda image, strength: image,
    "shear_x": lambda image, strength: _affine(image, 1, strength, 0, 0, 1, 0),
    "shear_y": lambda image, strength: _affine(image, 1, 0, 0, strength, 1, 0),
    "right": lambda image, strength: _affine(image, 1, 0, -int(strength), 0, 1, 0),
    "down": lambda image, strength: _affine(image, 1, 0, 0, 0, 1, -int(strength)),
    "rotation": lambda image, strength: image.rotate(strength),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "color": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "posterize": lambda image, bits: ImageOps.posterize(image, int(bits)),
    "solarize": ImageOps.solarize,
    "autocontrast": lambda image, strength: ImageOps.autocontrast(image),
    "equalize": lambda image, strength: ImageOps.equalize(image),
}


def strengths(name: str, space: str, height: int, width: int) -> np.ndarray:
    """Returns the 31 strengths of a transform, from torchvision's documentation."""
    wide = space == "wide"
    largest = {
        "shear_x": 0.99 if wide else 0.3,
        "shear_y": 0.99 if wide else 0.3,
        "right": 32 if wide else 150 / 331 * width,
        "down": 32 if wide else 150 / 331 * height,
        "rotation": 135 if wide else 30,
    }
    blends = dict.fromkeys(NAMES[6:10], 0.99 if wide else 0.9)
    numbers = np.arange(STRENGTHS)
    if name == "posterize":
        return 8 - np.round(numbers / (5 if wide else 7.5))
    if name == "solarize":
        return 255 - 8.5 * numbers
    return np.linspace(0, {**largest, **blends}.get(name, 0), STRENGTHS)


@pytest.mark.parametrize("space", SIDES)
@pytest.mark.parametrize("number", range(14), ids=NAMES)
def test_every_strength_gives_the_pixels_of_pillow(number, space):
    height, width = SIDES[space]
    images = pictures(height, width)
    count = len(images)
    own = WIDE if space == "wide" else narrow(height, width)
    operation, parameters = own.operations(height, width)[number]
    name = NAMES[number]
    signed = name in NAMES[1:10]
    values = strengths(name, space, height, width)
    numbers = range(0, STRENGTHS, 1 if values.any() else STRENGTHS)
    for sign in (1, -1) if signed else (1,):
        first = 0 if sign == 1 else STRENGTHS
        rows = np.repeat([first + i for i in numbers], count)
        batch = np.tile(images, (len(numbers), 1, 1, 1))
        found = operation(tf.constant(batch), tf.gather(parameters, rows))
        assert (found.dtype, found.shape) == (tf.uint8, batch.shape)
        expected = np.stack([
            np.asarray(PILLOW[name](Image.fromarray(image), sign * values[i]))
            for i in numbers for image in images
        ])  # fmt: skip
        np.testing.assert_array_equal(found, expected)


def test_unsigned_transforms_ignore_the_sign():
    for name, (_, parameters) in zip(NAMES, WIDE.operations(32, 32), strict=True):
        halves = parameters[:STRENGTHS], parameters[STRENGTHS:]
        assert np.array_equal(*halves) == (name not in NAMES[1:10]), name


@pytest.mark.parametrize("number", range(14), ids=NAMES)
def test_a_transform_of_no_image_is_no_image(number):
    operation, parameters = WIDE.operations(32, 32)[number]
    none = tf.zeros((0, 32, 32, 3), tf.uint8)
    assert operation(none, parameters[:0]).shape == (0, 32, 32, 3)


def test_digits_are_equalized_as_in_pillow():
    """Most pixels of a digit are black, which is a rare case of the rule."""
    batch = load(test=True).images[:32]
    equalize, none = WIDE.operations(32, 32)[-1]
    found = equalize(tf.constant(batch), none[:32])
    for image, equal in zip(batch, found, strict=True):
        expected = ImageOps.equalize(Image.fromarray(image))
        np.testing.assert_array_equal(equal, np.asarray(expected))
