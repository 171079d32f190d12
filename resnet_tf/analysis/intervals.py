"""95 % intervals over images and runs, by crossed random effects.

The answer of run r to image i is modeled as mean + seed_r + image_i + rest_ri, all
parts independent with mean 0. With R runs and n images the mean of all answers has the
variance

    var(image) / n + (var(seed) + var(rest) / n) / R.

The first term, `images`, is known well because n is large. The second term, `seeds`, is
the variance of the R means divided by R; it is estimated from only R runs, with R - 1
degrees of freedom. The quantile therefore lies between the normal quantile (if `images`
dominates) and Student's quantile (if `seeds` dominates); see `quantile`.

The model, the derivation and the simulated coverage: docs/intervals.md.
"""

from typing import NamedTuple

import numpy as np

from resnet_tf.evaluation.counts import Z_95, wilson_interval

_BALANCE = 0.3  # keeps the coverage in 93 to 97 % for any ratio of the two parts


class Parts(NamedTuple):
    """The parts of the variance of a mean.

    Attributes:
        images: Variance from the choice of images, float array or float.
        seeds: Variance from the choice of runs on these images; 0 for one run, which
            cannot show it.
        runs: Number of runs R, at least 1.
    """

    images: np.ndarray | float
    seeds: np.ndarray | float
    runs: int


def parts(values: np.ndarray) -> Parts:
    """Returns the parts of the variance of the mean of all values.

    Args:
        values: Float array (..., R, n), one number for each run and image.

    Reference: Searle, Casella and McCulloch 1992, "Variance Components", chapter 4
    (the two-way crossed layout without replication, from mean squares).
    """
    runs, n = values.shape[-2:]
    by_image = values.mean(axis=-2)
    if runs == 1:
        return Parts(by_image.var(axis=-1) / n, np.zeros(values.shape[:-2])[()], 1)
    by_run = values.mean(axis=-1)
    rest = values - by_run[..., None] - by_image[..., None, :]
    rest = rest.var(axis=(-2, -1)) * runs / (runs - 1)
    images = np.maximum(by_image.var(axis=-1) - rest / runs, 0) / n
    return Parts(images, by_run.var(axis=-1, ddof=1) / runs, runs)


def quantile(found: Parts) -> np.ndarray | float:
    """Returns the two-sided 95 % quantile for a mean, float array or float.

    It is the normal quantile plus a share of the distance to Student's quantile with
    R - 1 degrees of freedom. The share is seeds^2 / (seeds^2 + 0.3 (R - 1) images^2).
    The 0.3 is our choice: it keeps the coverage between 93.7 and 96.7 % for any true
    ratio of the parts and any R from 2 on. With Satterthwaite's degrees of freedom the
    coverage falls to 87 % for two runs; with the mean of the quantiles (Cochran and
    Cox 1957) it rises to 98 %.
    """
    from scipy.stats import t

    if found.runs == 1:
        return Z_95
    seeds, images = np.square(found.seeds), np.square(found.images)
    total = seeds + _BALANCE * (found.runs - 1) * images
    share = seeds / np.where(total > 0, total, 1)
    return Z_95 + (t.ppf(0.975, found.runs - 1) - Z_95) * share


def half_width(found: Parts) -> np.ndarray | float:
    """Returns half the width of the 95 % interval of a mean."""
    return quantile(found) * np.sqrt(found.images + found.seeds)


def error_interval(wrong: np.ndarray) -> tuple[float, float]:
    """Returns the 95 % interval of the error of a network, in percent.

    Args:
        wrong: bool array (R, n), True for each image that a run classifies wrongly.

    Returns:
        `rate_interval` of the parts; for one run it is Wilson's interval for n images.
    """
    values = wrong.astype(np.float64)
    return rate_interval(float(values.mean()), wrong.shape[1], parts(values))


def rate_interval(rate: float, n: int, found: Parts) -> tuple[float, float]:
    """Returns the 95 % interval of a mean error, in percent.

    It is Wilson's interval with `quantile` and with the number of images that would
    give the error the same variance. It therefore stays inside 0 to 100.

    Args:
        rate: Mean error over runs and images, 0 to 1.
        n: Number of images, at least 1.
        found: The parts of the variance of `rate`.

    Reference: Franco et al. 2019, "Comparative Study of Confidence Intervals for
    Proportions in Complex Sample Surveys" (Wilson's with the effective sample size).
    """
    variance = found.images + found.seeds
    most = n * found.runs  # the number of answers; the effective size is at most that
    spread = rate * (1 - rate)
    if spread == 0:
        effective = n
    else:
        effective = min(spread / variance, most) if variance > 0 else most
    return wilson_interval(rate * effective, effective, float(quantile(found)))
