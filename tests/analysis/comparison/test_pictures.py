import math

import pytest

from resnet_tf.analysis.comparison.pictures import _drops

STEPS = [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
COSINE = [0.05 * (1 + math.cos(math.pi * n / 20)) for n in range(21)]
WARM = [0.05, 0.1, 0.1, 0.04, 0.04, 0.04]
# The second-to-last report is shortly before the end.
LINEAR = [0.4, 0.3, 0.2, 0.1, 0.01, 0.0]


@pytest.mark.parametrize(
    ("rates", "epochs"),
    [(STEPS, [2, 4]), (COSINE, []), (WARM, [3]), (LINEAR, []), ([0.1], [])],
)
def test_the_epochs_at_which_a_learning_rate_drops(rates, epochs):
    rows = [{"epoch": n, "learning_rate": rate} for n, rate in enumerate(rates, 1)]
    assert _drops([{"histories": [rows]}]) == epochs
