"""Tests whether two networks differ on the same images."""

import math
from typing import NamedTuple

import numpy as np

from resnet_tf.analysis.intervals import half_width, parts


class McNemar(NamedTuple):
    """The result of McNemar's test of two networks on the same images.

    Attributes:
        only_a_wrong: Number of images that only the first network classifies wrongly.
        only_b_wrong: Number of images that only the second one classifies wrongly.
        p: Probability of a split at least as uneven if both networks were equally
            good.
    """

    only_a_wrong: int
    only_b_wrong: int
    p: float


def mcnemar(wrong_a: np.ndarray, wrong_b: np.ndarray) -> McNemar:
    """Returns McNemar's exact test, two-sided.

    Args:
        wrong_a: bool array (n,), True for the images that the first network
            classifies wrongly.
        wrong_b: The same for the second network and the same images.

    Raises:
        ValueError: If the arrays differ in shape.

    Reference: McNemar 1947, "Note on the sampling error of the difference between
    correlated proportions or percentages"; exact by the binomial distribution.
    """
    from scipy.stats import binomtest

    _check(wrong_a, wrong_b)
    only_a = int((wrong_a & ~wrong_b).sum())
    only_b = int((wrong_b & ~wrong_a).sum())
    n = only_a + only_b
    return McNemar(only_a, only_b, float(binomtest(only_a, n).pvalue) if n else 1.0)


def difference_interval(
    wrong_a: np.ndarray, wrong_b: np.ndarray
) -> tuple[float, float]:
    """Returns the 95 % interval of error(a) - error(b), in percentage points.

    It covers the choice of images and of seeds; with one run of each network, it
    covers the images only. Images are paired. Runs at the same position are paired
    too: they can be correlated, e.g. if they share a seed, but need not be.

    Args:
        wrong_a: bool array (runs, n), True for each image that a run of the first
            network classifies wrongly.
        wrong_b: The same for the second network; its number of runs can differ.

    Raises:
        ValueError: If the numbers of images differ.
    """
    _check(wrong_a[0], wrong_b[0])
    values = differences(wrong_a.astype(np.float64), wrong_b.astype(np.float64))
    middle, half = float(values.mean()), float(half_width(parts(values)))
    return 100 * (middle - half), 100 * (middle + half)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns differences of runs; their mean is mean(a) - mean(b).

    If both have the same number of runs, run r of `b` is subtracted from run r of `a`.
    Otherwise the number of differences is the smaller number of runs, and Scheffé's
    combination makes them uncorrelated and of equal variance.

    Args:
        a: Float array (..., runs, n).
        b: Float array (..., other runs, n).

    Returns:
        Float array (..., smaller number of runs, n).

    Reference: Scheffé 1943, "On Solutions of the Behrens-Fisher Problem, Based on the
    t-Distribution".
    """
    few, many = a.shape[-2], b.shape[-2]
    if few > many:
        return -differences(b, a)
    if few == many:
        return a - b
    paired = b[..., :few, :]
    shrunk = math.sqrt(few / many) * (paired - paired.mean(axis=-2, keepdims=True))
    return a - shrunk - b.mean(axis=-2, keepdims=True)


def _check(wrong_a: np.ndarray, wrong_b: np.ndarray) -> None:
    if wrong_a.shape != wrong_b.shape:
        raise ValueError(
            "wrong_a and wrong_b must be for the same images, received shapes "
            f"{wrong_a.shape} and {wrong_b.shape}"
        )
