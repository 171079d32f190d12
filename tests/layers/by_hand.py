"""Convolution and pooling in NumPy, window by window."""

import numpy as np


def convolve(x, kernel, strides, before, after):
    """Returns the convolution of a padded map with a kernel.

    Args:
        x: Map (N, H, W, C).
        kernel: Kernel (k, k, C, filters).
        strides: Step of the window.
        before: Number of zeros above and left of the map.
        after: Number of zeros below and right of the map.
    """
    windows = _windows(x, kernel.shape[0], strides, before, after, 0.0)
    return np.einsum("nijabc,abcf->nijf", windows, kernel)


def max_pool(x, size, strides, before, after):
    """Returns the largest value of each window, ignoring the border."""
    return _windows(x, size, strides, before, after, -np.inf).max((3, 4))


def _windows(x, size, strides, before, after, border):
    edges = (before, after)
    x = np.pad(x, ((0, 0), edges, edges, (0, 0)), constant_values=border)
    rows, columns = (range(0, n - size + 1, strides) for n in x.shape[1:3])
    return np.stack(
        [
            np.stack([x[:, i : i + size, j : j + size] for j in columns], axis=1)
            for i in rows
        ],
        axis=1,
    )
