"""Counts predictions and computes confidence intervals of the counts."""

import math

import numpy as np

Z_95 = 1.959963984540054


def wilson_interval(errors: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """Returns the Wilson score interval of an error, in percent.

    Args:
        errors: Number of wrongly classified images, 0 to n; a mean over runs can be
            fractional.
        n: Number of images, at least 1.
        z: Quantile of the normal distribution; 1.96 for 95 %.

    Raises:
        ValueError: If `errors` is not in [0, n] or n is below 1.

    Reference: Wilson 1927, "Probable Inference, the Law of Succession, and
    Statistical Inference".
    """
    if n < 1 or not 0 <= errors <= n:
        raise ValueError(f"errors must be in [0, n] with n > 0, received {errors}, {n}")
    share = errors / n
    scale = 1 + z * z / n
    center = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return 100 * max(center - half, 0.0), 100 * min(center + half, 1.0)


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, classes: int
) -> np.ndarray:
    """Returns the number of images by true and predicted class.

    Args:
        truth: True classes, integer array (n,).
        predicted: Predicted classes, integer array (n,).
        classes: Number of classes c.

    Returns:
        Integer array (c, c); rows are true classes, columns predicted classes.
    """
    counts = np.bincount(truth * classes + predicted, minlength=classes**2)
    return counts.reshape(classes, classes)
