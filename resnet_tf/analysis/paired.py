"""Whether two networks that saw the same images differ."""

import math
from typing import NamedTuple

import numpy as np

from resnet_tf.analysis.intervals import half_width, parts


class McNemar(NamedTuple):
    """The predictions of two networks for the same images.

    Attributes:
        only_a_wrong: Images that only the first one classifies wrongly.
        only_b_wrong: Images that only the second one classifies wrongly.
        p: Probability of so uneven a split, or a more uneven one, if both networks
            were equally good.
    """

    only_a_wrong: int
    only_b_wrong: int
    p: float


def mcnemar(wrong_a: np.ndarray, wrong_b: np.ndarray) -> McNemar:
    """Returns McNemar's exact test, two-sided.

    Args:
        wrong_a: bool array (n,), the images that the first network has wrong.
        wrong_b: The same of the second network, for the same images.

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
    """Returns the 95 % interval of error(a) - error(b), in points.

    It says what other images and other seeds would change; for one run of each it
    says nothing about seeds. The images are paired, and so are the runs: those of one
    position may be alike, as runs of one seed are, but need not be.

    Args:
        wrong_a: bool array (runs, n), the images that each run of the first network
            has wrong.
        wrong_b: The same of the second network; it may have another number of runs.

    Raises:
        ValueError: If the numbers of images differ.
    """
    _check(wrong_a[0], wrong_b[0])
    values = differences(wrong_a.astype(np.float64), wrong_b.astype(np.float64))
    middle, half = float(values.mean()), float(half_width(parts(values)))
    return 100 * (middle - half), 100 * (middle + half)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns differences of runs whose mean is that of `a` less that of `b`.

    With as many runs of both, run r of `b` is taken from run r of `a`. Else there are
    as many differences as the smaller number of runs, and Scheffé's combination makes
    them uncorrelated and of equal variance.

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
