import math

import numpy as np
import pytest
from scipy import stats

from resnet_tf.analysis.intervals import (
    Parts,
    error_interval,
    half_width,
    parts,
    quantile,
    rate_interval,
)
from resnet_tf.evaluation.counts import Z_95, wilson_interval


def test_the_parts_of_a_small_table():
    values = np.array([[1.0, 0, 0, 1], [1, 1, 0, 1]])
    found = parts(values)
    # Run means 1/2 and 3/4; image means 1, 1/2, 0, 1; the rest is +-1/8 and +-3/8.
    rest = 2 * np.mean([1 / 64] * 6 + [9 / 64] * 2)
    assert found.seeds == pytest.approx((1 / 8) ** 2 * 2 / 2, rel=1e-12)
    assert found.images == pytest.approx((11 / 64 - rest / 2) / 4, rel=1e-12)
    assert found.runs == 2


def test_the_parts_are_unbiased():
    """The means of the estimates over 400 simulated tables match the model."""
    draw = np.random.default_rng(0)
    tables, runs, n = 400, 3, 200
    values = (
        0.3 * draw.normal(size=(tables, runs, 1))
        + 2 * draw.normal(size=(tables, 1, n))
        + draw.normal(size=(tables, runs, n))
    )
    found = parts(values)
    assert np.mean(found.images) == pytest.approx(4 / n, rel=0.02)
    assert np.mean(found.seeds) == pytest.approx((0.09 + 1 / n) / runs, rel=0.1)


def test_one_run_has_the_wilson_interval():
    wrong = np.arange(1000) < 87
    expected = wilson_interval(87, 1000)
    assert error_interval(wrong[None]) == pytest.approx(expected, rel=1e-12)
    none = np.zeros((3, 50), bool)
    assert error_interval(none) == wilson_interval(0, 50)
    assert error_interval(~none) == wilson_interval(50, 50)


def test_runs_that_differ_by_chance_stay_within_the_bounds():
    """Two runs with the same error on different images: both parts are 0."""
    wrong = np.array([[True, False, False, False], [False, True, False, False]])
    assert error_interval(wrong) == wilson_interval(2, 8)


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_the_quantile_is_between_the_normal_and_students_quantile(runs):
    assert quantile(Parts(1.0, 0.0, runs)) == Z_95
    student = stats.t.ppf(0.975, runs - 1)
    assert quantile(Parts(0.0, 1.0, runs)) == pytest.approx(student, rel=1e-12)
    expected = Z_95 + (student - Z_95) / (1 + 0.3 * (runs - 1))
    assert quantile(Parts(2.0, 2.0, runs)) == pytest.approx(expected, rel=1e-12)
    assert half_width(Parts(2.0, 2.0, runs)) == pytest.approx(2 * expected, rel=1e-12)
    assert quantile(Parts(0.0, 0.0, runs)) == Z_95


def test_a_wide_interval_stays_within_0_to_100():
    low, high = rate_interval(0.1, 1000, Parts(1e-4, 1e-2, 2))
    assert 0 <= low < 10 < high <= 100


@pytest.mark.parametrize("runs", [2, 3, 4, 5, 10])
def test_the_coverage_for_any_ratio_of_images_to_seeds(runs):
    """Integrates: the estimate of `seeds` is its true value times chi2 / (R - 1)."""
    df = runs - 1
    middles = (np.arange(4000) + 0.5) / 4000
    seeds = stats.chi2.ppf(middles, df) / df
    for images in np.geomspace(1e-3, 1e3, 61):
        reach = half_width(Parts(images, seeds, runs)) / math.sqrt(images + 1)
        coverage = np.mean(2 * stats.norm.cdf(reach) - 1)
        assert 0.937 < coverage < 0.967
