"""The fixed filters of a whitened stem, computed from training images.

Page 2019, https://github.com/davidcpage/cifar10-fast; Jordan 2024,
https://arxiv.org/abs/2404.00498, section 3.2.
"""

import keras
import numpy as np

from resnet_tf.config import DataConfig
from resnet_tf.config.layers import WHITENING
from resnet_tf.data.pipeline import normalize

# The number of images and the epsilon of Jordan's code.
IMAGES, EPSILON = 5_000, 5e-4
_SIDE = 3
_PIXELS = 1 << 18  # of the images that are read at a time


def whiten_stem(model: keras.Model, images: np.ndarray, config: DataConfig) -> None:
    """Computes the fixed filters of a new network; does nothing for another stem.

    Args:
        model: The network.
        images: uint8 array (N, side, side, 3), of which the first `IMAGES` are used,
            without augmentation.
        config: Preparation of the images.
    """
    for layer in model.layers:
        if layer.name == WHITENING:
            layer.kernel.assign(whitening_filters(images[:IMAGES], config))


def whitening_filters(images: np.ndarray, config: DataConfig) -> np.ndarray:
    """Returns filters whose outputs are uncorrelated and have the same size.

    The filters are the eigenvectors of the mean of p p^T over all patches p, without
    subtracting the mean patch, divided by sqrt(eigenvalue + `EPSILON`). The largest
    eigenvalue comes first. The largest component of an eigenvector is positive, which
    fixes its sign. Then follow the negatives of all filters.

    Args:
        images: uint8 array (N, side, side, 3).
        config: Preparation of the images.

    Returns:
        float32 array (3, 3, 3, 54), a kernel.
    """
    values, vectors = np.linalg.eigh(_second_moments(images, config))
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(len(values))])
    filters = vectors / np.sqrt(np.maximum(values, 0) + EPSILON)
    both = np.concatenate([filters, -filters], axis=1)
    return both.reshape(_SIDE, _SIDE, -1, both.shape[1]).astype(np.float32)


def _second_moments(images: np.ndarray, config: DataConfig) -> np.ndarray:
    """Returns the mean of p p^T over all 3x3 patches p, float64 (27, 27)."""
    total, count = 0.0, 0
    step = max(1, _PIXELS // config.image_size**2)
    for start in range(0, len(images), step):
        maps = normalize(images[start : start + step], config).numpy()
        windows = np.lib.stride_tricks.sliding_window_view(
            maps, (_SIDE, _SIDE), axis=(1, 2)
        )
        # (N, rows, columns, channels, 3, 3): the order of a kernel is (3, 3, channels).
        patches = np.moveaxis(windows, 3, -1).reshape(-1, _SIDE**2 * maps.shape[-1])
        patches = patches.astype(np.float64)
        total = total + patches.T @ patches
        count += len(patches)
    return total / count
