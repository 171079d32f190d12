"""Corrupts images as a worse camera would, in five ways at five strengths each.

The corruptions are from Hendrycks and Dietterich 2019, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations"; the strengths are our own.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

_SEED = 0
_SIDE = 32  # image side, in pixels, to which the strength of a blur refers


@dataclass(frozen=True)
class Corruption:
    """A way to corrupt images.

    Attributes:
        name: One-word name.
        measure: Meaning of the strengths.
        strengths: Strengths from weak to strong.
        apply: Function from uint8 images (N, side, side, 3), a strength, and the index
            of the first image in its split, to corrupted uint8 images. An image does
            not depend on how the split is cut into batches.
    """

    name: str
    measure: str
    strengths: tuple[float, ...]
    apply: Callable[[np.ndarray, float, int], np.ndarray]


def noise(images: np.ndarray, deviation: float, first: int) -> np.ndarray:
    """Returns images with Gaussian noise; `deviation` is a fraction of the range."""
    shape = images.shape[1:]
    drawn = [
        np.random.default_rng([_SEED, first + i]).standard_normal(shape, np.float32)
        for i in range(len(images))
    ]
    return _pixels(images + 255 * np.float32(deviation) * np.stack(drawn))


def blur(images: np.ndarray, deviation: float, first: int = 0) -> np.ndarray:
    """Returns images after a Gaussian blur; `deviation` is in units of side / 32."""
    from scipy.ndimage import gaussian_filter

    pixels = deviation * images.shape[1] / _SIDE
    values = images.astype(np.float32)
    return _pixels(gaussian_filter(values, (0, pixels, pixels, 0), mode="nearest"))


def jpeg(images: np.ndarray, quality: float, first: int = 0) -> np.ndarray:
    """Returns images after JPEG compression with a quality from 1 to 95."""
    return np.stack([_through_jpeg(image, int(quality)) for image in images])


def brightness(images: np.ndarray, added: float, first: int = 0) -> np.ndarray:
    """Returns images with a fraction of the range added to their HSV value.

    The value of a pixel is its largest channel; the sum is clipped to 255. Hue and
    saturation do not change: all channels of a pixel are scaled by one factor, and
    black becomes gray.

    Reference: Hendrycks and Dietterich 2019, "brightness" in their code.
    """
    value = images.max(axis=-1, keepdims=True).astype(np.float32)
    raised = np.minimum(value + np.float32(255 * added), 255)
    scaled = images * (raised / np.maximum(value, 1))
    return _pixels(np.where(value > 0, scaled, raised))


def contrast(images: np.ndarray, kept: float, first: int = 0) -> np.ndarray:
    """Returns images with their contrast reduced to the fraction `kept`."""
    means = images.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return _pixels(means + np.float32(kept) * (images - means))


CORRUPTIONS = (
    Corruption("noise", "deviation / range", (0.02, 0.04, 0.06, 0.08, 0.1), noise),
    Corruption("blur", "deviation, side / 32", (0.4, 0.6, 0.8, 1.0, 1.2), blur),
    Corruption("JPEG", "quality", (80, 60, 40, 20, 10), jpeg),
    Corruption(
        "brightness", "added to HSV's value", (0.1, 0.2, 0.3, 0.4, 0.5), brightness
    ),
    Corruption("contrast", "fraction kept", (0.8, 0.6, 0.4, 0.3, 0.2), contrast),
)


def spoiled(image: np.ndarray) -> np.ndarray:
    """Returns an image without and with corruption at every strength.

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
