import math

import numpy as np
import pytest

from resnet_tf.analysis.paired import difference_interval, differences, mcnemar


def wrong(n, *indices):
    answers = np.zeros(n, bool)
    answers[list(indices)] = True
    return answers


def test_mcnemar_counts_only_different_answers():
    result = mcnemar(wrong(9, 0, 1, 2, 3, 4, 5), wrong(9, 0, 8))
    assert (result.only_a_wrong, result.only_b_wrong) == (5, 1)
    # Both tails for six fair coins: 0, 1, 5 or 6 heads.
    assert result.p == pytest.approx(2 * (1 + 6) / 2**6, rel=1e-12)


def test_equal_networks():
    answers = wrong(5, 2)
    assert mcnemar(answers, answers) == (0, 0, 1.0)
    assert difference_interval(answers[None], answers[None]) == (0.0, 0.0)


def test_with_one_run_each_the_interval_covers_the_images():
    n, more = 400, 40
    low, high = difference_interval(wrong(n, *range(more))[None], wrong(n)[None])
    # The difference is a share of n images, so its standard deviation is known.
    half = 100 * 1.959963984540054 * math.sqrt(0.1 * 0.9 / n)
    assert (low, high) == pytest.approx((10 - half, 10 + half), rel=1e-12)


def test_different_seeds_widen_the_interval():
    n = 400
    steady = np.stack([wrong(n, *range(40))] * 2)
    moving = np.stack([wrong(n, *range(20)), wrong(n, *range(60))])
    none = wrong(n)[None].repeat(2, axis=0)
    narrow, wide = (difference_interval(a, none) for a in (steady, moving))
    assert wide[0] < narrow[0] and narrow[1] < wide[1]
    assert difference_interval(none, moving) == pytest.approx((-wide[1], -wide[0]))


def test_differences_of_unequal_numbers_of_runs():
    """The mean is exact; the differences are uncorrelated with equal variance."""
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(20_000, 2, 1)), 3 * draw.normal(size=(20_000, 5, 1))
    found = differences(a, b)
    assert found.shape == (20_000, 2, 1)
    np.testing.assert_allclose(found.mean(1), a.mean(1) - b.mean(1), atol=1e-12)
    np.testing.assert_array_equal(differences(b, a), -found)
    # Each variance is 1 + 2 / 5 * 9, from a and from b shrunk to two runs.
    expected = np.diag([1 + 2 / 5 * 9] * 2)
    np.testing.assert_allclose(np.cov(found[..., 0].T), expected, atol=0.15)
    np.testing.assert_array_equal(differences(a, b[:, :2]), a - b[:, :2])


def test_other_images_are_refused():
    with pytest.raises(ValueError, match=r"same images, received shapes \(3,\) and"):
        mcnemar(wrong(3), wrong(4))
    with pytest.raises(ValueError, match="same images"):
        difference_interval(wrong(3)[None], wrong(4)[None])
