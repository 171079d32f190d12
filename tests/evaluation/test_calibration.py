import numpy as np
import pytest

from resnet_tf.errors import CheckpointError
from resnet_tf.evaluation.calibration import (
    Bin,
    expected_calibration_error,
    fit_temperature,
    reliability,
    softmax,
    stated_temperature,
)


def test_softmax():
    logits = np.log(np.array([[1.0, 3.0], [1e300, 1e300]]))
    np.testing.assert_allclose(softmax(logits), [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(softmax(logits, 0.5)[0], [0.1, 0.9])


@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.5])
def test_the_temperature_of_an_overconfident_network(temperature):
    """Odds of 3 : 1 are calibrated if 3 of 4 are right; scaled logits are not."""
    logits = np.tile(np.log([[3.0, 1.0]]), (8, 1)).astype("float32")
    labels = np.array([0, 0, 0, 1] * 2)
    found = fit_temperature(temperature * logits, labels)
    assert found == pytest.approx(temperature, rel=1e-6)
    assert type(found) is float


def test_the_temperature_minimizes_the_cross_entropy():
    random = np.random.default_rng(0)
    logits = random.normal(size=(500, 10)) * 4
    labels = np.where(random.random(500) < 0.8, logits.argmax(1), 3)
    best = fit_temperature(logits, labels)

    def cross_entropy(temperature):
        own = softmax(logits, temperature)[np.arange(500), labels]
        return -np.log(own).mean()

    assert cross_entropy(best) < min(cross_entropy(0.99 * best), cross_entropy(1.01))
    assert cross_entropy(best) < cross_entropy(1.01 * best)


def test_correct_images_alone_do_not_determine_a_temperature():
    logits = np.array([[2.0, 1.0], [0.0, 5.0]])
    assert fit_temperature(logits, np.array([0, 1])) is None
    # One mistake is enough.
    found = fit_temperature(
        np.repeat(logits, 5, axis=0), np.array([0] * 5 + [1] * 4 + [0])
    )
    assert 0.01 < found < 100


def test_wrong_logits_do_not_determine_a_temperature():
    """Each label is the class with the smaller logit, so any larger T is better."""
    logits = np.array([[2.0, 1.0], [0.0, 5.0]])
    assert fit_temperature(logits, np.array([1, 0])) is None


def test_bins_and_their_distance():
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8], [1.0, 0.0]])
    bins = reliability(probabilities, np.array([1, 0, 0, 0]), bins=2)
    # 0.5 is the upper end of the lower bin and belongs to it.
    assert bins == [Bin(1, 0.5, 0.0), Bin(3, pytest.approx(0.9), pytest.approx(2 / 3))]
    expected = 100 * (0.5 + 3 * (0.9 - 2 / 3)) / 4
    assert expected_calibration_error(bins) == pytest.approx(expected)


@pytest.mark.parametrize(("scores", "labels"), [(0, 0), (2, 1)])
def test_wrong_numbers_of_labels(scores, labels):
    message = f"per image, received {labels} labels for {scores} images"
    for function in (fit_temperature, reliability):
        with pytest.raises(ValueError, match=message):
            function(np.zeros((scores, 2)), np.zeros(labels, int))


def test_no_bins():
    with pytest.raises(ValueError, match="bins must be at least 1, received 0"):
        reliability(np.ones((1, 1)), np.zeros(1, int), bins=0)


def test_the_temperature_of_a_checkpoint():
    assert stated_temperature({"step": 3}) is None
    assert stated_temperature({"calibration": {"temperature": 2, "n": 5}}) == 2.0


@pytest.mark.parametrize(
    "stated", [0, -1.5, float("nan"), float("inf"), "1.5", True, None, [1]]
)
def test_an_invalid_temperature(stated):
    for calibration in ({"temperature": stated}, {}, stated):
        with pytest.raises(CheckpointError, match="must be a positive number, receiv"):
            stated_temperature({"calibration": calibration})
