import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import OptimizerConfig
from resnet_tf.training.schedule import learning_rate


def rates(train_steps, **settings):
    rate = learning_rate(OptimizerConfig(**settings), train_steps)
    return np.array([rate(tf.constant(step, tf.int64)) for step in range(train_steps)])


def test_exactly_decay_step0_updates_use_the_first_rate():
    result = rates(10, init_lr=0.5, decay_step0=4, decay_step1=7, lr_decay_factor=0.1)
    expected = [0.5] * 4 + [0.05] * 3 + [0.005] * 3
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_the_originals_drops():
    rate = learning_rate(OptimizerConfig(), 80_000)
    steps = [0, 39_999, 40_000, 59_999, 60_000, 79_999]
    found = [float(rate(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(found, [0.1, 0.1, 0.01, 0.01, 0.001, 0.001], rtol=1e-6)


def test_a_late_drop_comes_after_update_number_decay_step0():
    drops = {"decay_step0": 4, "decay_step1": 7, "first_decay_late": True}
    result = rates(10, init_lr=0.5, **drops)
    expected = [0.5] * 5 + [0.05] * 3 + [0.005] * 2
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_a_constant_warmup():
    result = rates(8, warmup_steps=3, warmup_lr=0.02, decay_step0=5, decay_step1=6)
    expected = [0.02] * 3 + [0.1] * 2 + [0.01] + [0.001] * 2
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_onecycle_rises_and_falls_linearly():
    result = rates(100, schedule="onecycle", init_lr=0.2, warmup_fraction=0.1)
    rise = 0.2 * np.arange(1, 11) / 10
    fall = 0.2 * np.arange(90, 0, -1) / 90
    np.testing.assert_allclose(result, np.concatenate([rise, fall]), rtol=1e-5)


def test_cosine():
    result = rates(100, schedule="cosine", init_lr=0.2, warmup_fraction=0.1)
    done = np.arange(90) / 90
    np.testing.assert_allclose(result[10:], 0.1 * (1 + np.cos(np.pi * done)), rtol=1e-4)
    assert result[9] == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", ["step", "cosine", "onecycle"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_runs_have_finite_positive_rates(schedule, steps):
    result = rates(steps, schedule=schedule, warmup_fraction=0.3)
    assert np.all(np.isfinite(result)) and np.all(result > 0)


def test_graph_equals_eager():
    rate = learning_rate(OptimizerConfig(schedule="cosine", warmup_fraction=0.1), 100)
    graph = tf.function(rate)
    for step in (0, 9, 10, 50, 99):
        step = tf.constant(step, tf.int64)
        assert float(graph(step)) == pytest.approx(float(rate(step)), rel=1e-6)
