"""Whether two networks that saw the same images differ."""

from typing import NamedTuple

import numpy as np


class McNemar(NamedTuple):
    """What two networks make of the same images.

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
    wrong_a: np.ndarray, wrong_b: np.ndarray, *, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of error(a) - error(b), in points.

    Images are drawn anew, the same for both networks, and runs are drawn anew for
    each: the interval holds what other images and other seeds would change.

    Args:
        wrong_a: bool array (runs, n), the images that each run of the first network
            has wrong.
        wrong_b: The same of the second network; it may have another number of runs.
        resamples: Draws.
        seed: Of the draws.

    Raises:
        ValueError: If the numbers of images differ.

    Reference: Efron and Tibshirani 1993, "An Introduction to the Bootstrap",
    chapter 13 (the percentile interval).
    """
    _check(wrong_a[0], wrong_b[0])
    n = wrong_a.shape[1]
    generator = np.random.default_rng(seed)
    a, b = wrong_a.astype(np.float64), wrong_b.astype(np.float64)
    differences = np.empty(resamples)
    for draw in range(resamples):
        weights = np.bincount(generator.integers(n, size=n), minlength=n) / n
        errors = [
            (wrong @ weights)[generator.integers(len(wrong), size=len(wrong))].mean()
            for wrong in (a, b)
        ]
        differences[draw] = 100 * (errors[0] - errors[1])
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def _check(wrong_a: np.ndarray, wrong_b: np.ndarray) -> None:
    if wrong_a.shape != wrong_b.shape:
        raise ValueError(
            "wrong_a and wrong_b must be for the same images, received shapes "
            f"{wrong_a.shape} and {wrong_b.shape}"
        )
