import numpy as np
import pytest

from resnet_tf.analysis.in_depth.details import (
    by_class,
    confident_mistakes,
    confused_most,
    trust,
)
from resnet_tf.evaluation.counts import wilson_interval
from resnet_tf.evaluation.full_pass import Result

COUNTS = np.array([[3, 1, 0], [2, 0, 3], [0, 0, 0]])
NAMES = ("a", "b", "c")


def result(shares, labels):
    logits = np.log(np.array(shares, "float32"))
    return Result("test", logits, np.array(labels), NAMES)


def test_the_error_of_each_class():
    assert by_class(COUNTS, NAMES) == [
        {"name": "a", "n": 4, "error": 25.0, "interval": list(wilson_interval(1, 4))},
        {"name": "b", "n": 5, "error": 100.0, "interval": list(wilson_interval(5, 5))},
        {"name": "c", "n": 0, "error": None, "interval": None},
    ]


def test_the_most_frequent_confusions_come_first():
    found = [tuple(pair.values()) for pair in confused_most(COUNTS, NAMES)]
    assert found == [("b", "c", 3), ("b", "a", 2), ("a", "b", 1)]


def test_mistakes_are_ordered_by_confidence():
    found = confident_mistakes(
        result([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.3, 0.7]],
               [1, 0, 1, 0]),
        1.0,
    )  # fmt: skip
    assert [tuple(one.values())[:3] for one in found] == [
        (1, "a", "b"), (3, "a", "b"), (0, "b", "a"),
    ]  # fmt: skip
    assert [one["probability"] for one in found] == pytest.approx([0.9, 0.7, 0.6])


def test_a_temperature_changes_the_probability_of_a_mistake():
    (one,) = confident_mistakes(result([[0.2, 0.8]], [0]), 0.5)
    assert one["probability"] == pytest.approx(0.64 / (0.64 + 0.04))


def test_trust_by_hand():
    shares = [[0.7, 0.3]] * 4 + [[0.95, 0.05]] * 2
    found = trust(result(shares, [0, 0, 0, 1, 0, 0]), 1.0)
    assert found["ece"] == pytest.approx(100 * (4 * 0.05 + 2 * 0.05) / 6)
    first, second = found["bins"]
    assert (first["n"], first["accuracy"]) == (4, 0.75)
    assert first["confidence"] == pytest.approx(0.7)
    assert first["interval"] == pytest.approx(np.array(wilson_interval(3, 4)) / 100)
    assert (second["n"], second["accuracy"]) == (2, 1.0)
