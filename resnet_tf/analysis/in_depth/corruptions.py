"""The same images as a worse camera would give them, each kind at five strengths.

The kinds are from Hendrycks and Dietterich 2019, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations"; the strengths are not.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

_SEED = 0
_SIDE = 32  # of the images whose pixels a blur is told in


@dataclass(frozen=True)
class Corruption:
    """A way to spoil images.

    Attributes:
        name: In a word.
        measure: What the strengths are.
        strengths: From weak to strong.
        apply: From uint8 images (N, side, side, 3), a strength, and the number of the
            first image in its split, to such images. The same call gives the same
            images, however a split is cut into batches.
    """

    name: str
    measure: str
    strengths: tuple[float, ...]
    apply: Callable[[np.ndarray, float, int], np.ndarray]


def noise(images: np.ndarray, deviation: float, first: int) -> np.ndarray:
    """Returns images with Gaussian noise of a deviation in parts of the range."""
    shape = images.shape[1:]
    drawn = [
        np.random.default_rng([_SEED, first + i]).standard_normal(shape, np.float32)
        for i in range(len(images))
    ]
    return _pixels(images + 255 * np.float32(deviation) * np.stack(drawn))


def blur(images: np.ndarray, deviation: float, first: int = 0) -> np.ndarray:
    """Returns images under a Gaussian of a deviation in 32nds of the side."""
    from scipy.ndimage import gaussian_filter

    pixels = deviation * images.shape[1] / _SIDE
    values = images.astype(np.float32)
    return _pixels(gaussian_filter(values, (0, pixels, pixels, 0), mode="nearest"))


def jpeg(images: np.ndarray, quality: float, first: int = 0) -> np.ndarray:
    """Returns images that were JPEG files of a quality from 1 to 95."""
    return np.stack([_through_jpeg(image, int(quality)) for image in images])


def brightness(images: np.ndarray, added: float, first: int = 0) -> np.ndarray:
    """Returns images with a part of the range added to the value of HSV.

    The value of a pixel is its largest channel, at most 255 after the sum. Hue and
    saturation stay, so that all channels are scaled by one factor; black becomes gray.

    Reference: Hendrycks and Dietterich 2019, "brightness" of their code.
    """
    value = images.max(axis=-1, keepdims=True).astype(np.float32)
    raised = np.minimum(value + np.float32(255 * added), 255)
    scaled = images * (raised / np.maximum(value, 1))
    return _pixels(np.where(value > 0, scaled, raised))


def contrast(images: np.ndarray, kept: float, first: int = 0) -> np.ndarray:
    """Returns images of which a part of the distance from their mean is left."""
    means = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _pixels(means + np.float32(kept) * (images - means))


CORRUPTIONS = (
    Corruption(
        "noise", "deviation, of the range", (0.02, 0.04, 0.06, 0.08, 0.1), noise
    ),
    Corruption("blur", "deviation, side / 32", (0.4, 0.6, 0.8, 1.0, 1.2), blur),
    Corruption("JPEG", "quality", (80, 60, 40, 20, 10), jpeg),
    Corruption(
        "brightness", "added to HSV's value", (0.1, 0.2, 0.3, 0.4, 0.5), brightness
    ),
    Corruption("contrast", "part that is left", (0.8, 0.6, 0.4, 0.3, 0.2), contrast),
)


def spoiled(image: np.ndarray) -> np.ndarray:
    """Returns an image as it is and at every strength, a row a corruption.

    Args:
        image: uint8 array (side, side, 3).

    Returns:
        uint8 array (corruptions, 1 + strengths, side, side, 3).
    """
    batch = image[np.newaxis]
    return np.stack([
        np.concatenate([batch, *(one.apply(batch, s, 0) for s in one.strengths)])
        for one in CORRUPTIONS
    ])  # fmt: skip


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as opened:
        return np.asarray(opened.convert("RGB"))
