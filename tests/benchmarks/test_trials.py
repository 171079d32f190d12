import time
from pathlib import Path

import numpy as np
import pytest
from trials.pairs import Pair, Trial, entry, measure

from resnet_tf.machine import has_bfloat16

ROOT = Path(__file__).parents[2]
TRIAL = Trial("sleep", "long", "short", "float32", "1x1")


@pytest.fixture(scope="module")
def pairs():
    from trials.kernels import kernel_pairs

    return kernel_pairs(batch=2)


def test_the_ratio_is_the_plain_time_over_the_other():
    pair = Pair(TRIAL, lambda: time.sleep(0.02), lambda: time.sleep(0.005))
    ratios = measure(pair, rounds=3, seconds=0.04)
    assert len(ratios) == 3
    assert all(1 < ratio < 5 for ratio in ratios)


def test_they_take_turns_and_another_one_begins_each_round():
    calls = []
    pair = Pair(TRIAL, lambda: calls.append("plain"), lambda: calls.append("tried"))
    measure(pair, rounds=3, seconds=0)
    # Twice each to compile, and once to see how long a call takes.
    assert calls[:5] == ["plain", "plain", "tried", "tried", "plain"]
    assert calls[5:] == ["plain", "tried", "tried", "plain", "plain", "tried"]


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ([1.3, 1.1, 1.2], "faster"),
        ([0.9, 0.5, 0.7], "slower"),
        ([0.9, 1.5, 1.4], "no difference"),
        ([1.0, 1.5, 1.4], "no difference"),
    ],
)
def test_the_verdict_follows_from_the_range(ratios, verdict):
    found = entry(TRIAL, ratios)
    assert found["verdict"] == verdict
    assert found["ratio_median"] == sorted(ratios)[1]
    assert (found["ratio_min"], found["ratio_max"]) == (min(ratios), max(ratios))
    assert (found["plain"], found["tried"]) == ("long", "short")
    assert found["ratios"] == ratios


def test_both_ways_give_the_same(pairs):
    assert len(pairs) == 12
    for pair in pairs:
        if pair.trial.precision == "bfloat16" and not has_bfloat16():
            continue  # TensorFlow's own kernels, which sum in bfloat16
        ways = (_arrays(way()) for way in (pair.plain, pair.tried))
        for plain, tried in zip(*ways, strict=True):
            channels = plain.shape[-1]
            tolerance = 0.02 * np.abs(plain).max()
            # A vector that is filled has more channels.
            np.testing.assert_allclose(
                tried[..., :channels], plain, atol=tolerance, err_msg=str(pair.trial)
            )


def test_what_is_in_use_is_in_the_package(pairs):
    used = [pair.trial.used_in for pair in pairs if pair.trial.used_in]
    assert len(used) == 7
    assert all((ROOT / path).is_file() for path in used)


def _arrays(result) -> list[np.ndarray]:
    import tensorflow as tf

    return [tf.cast(x, tf.float32).numpy() for x in tf.nest.flatten(result)]
