import pytest

from resnet_tf.evaluation.counts import wilson_interval


def test_newcombes_examples():
    # Newcombe 1998, table I, method 3.
    low, high = wilson_interval(81, 263)
    assert (round(low, 2), round(high, 2)) == (25.53, 36.62)
    low, high = wilson_interval(15, 148)
    assert (round(low, 2), round(high, 2)) == (6.24, 16.05)


def test_no_errors_and_only_errors():
    assert wilson_interval(0, 20)[0] == 0
    assert wilson_interval(0, 20)[1] == pytest.approx(16.11, abs=0.01)
    assert wilson_interval(20, 20) == pytest.approx((83.89, 100), abs=0.01)


@pytest.mark.parametrize(("errors", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_wrong_counts(errors, n):
    with pytest.raises(ValueError, match=r"errors must be in \[0, n\]"):
        wilson_interval(errors, n)
