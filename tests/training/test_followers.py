import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import OptimizerConfig
from resnet_tf.training.followers import Average, Lookahead
from resnet_tf.training.loss_scale import LossScale
from resnet_tf.training.optimizer import Momentum

START = {"kernel": [1.0, -2.0], "bias": [0.5]}
GRADIENTS = [([0.3, -0.1], [0.2]), ([-0.2, 0.4], [0.1]), ([0.1, 0.1], [-0.3])] * 2
SETTINGS = {
    "init_lr": 0.1,
    "weight_decay": 0.0,
    "lookahead": 2,
    "lookahead_share": 0.3,
    "ema_decay": 0.2,
    "ema_every": 3,
}


def make(loss_scale=None):
    """Returns variables, and their optimizer with both followers."""
    config = OptimizerConfig(**SETTINGS)
    variables = [keras.Variable(value, name=name) for name, value in START.items()]
    optimizer = Momentum(variables, config, 9, loss_scale)
    weights = [variable.value for variable in variables]
    averages = [tf.Variable(tf.zeros(weight.shape)) for weight in weights]
    optimizer.lookahead = Lookahead(weights, config)
    optimizer.average = Average(weights, averages, config)
    return variables, optimizer


def by_hand():
    """Yields fast weights, slow weights and averages after each update, in float64."""
    fast = [np.array(value) for value in START.values()]
    slow, averages = fast.copy(), fast.copy()
    accumulators = [np.zeros_like(weight) for weight in fast]
    for update, gradients in enumerate(GRADIENTS, start=1):
        accumulators = [
            0.9 * a + np.array(g) for a, g in zip(accumulators, gradients, strict=True)
        ]
        fast = [w - 0.1 * a for w, a in zip(fast, accumulators, strict=True)]
        if update % 2 == 0:
            slow = [s + 0.3 * (w - s) for s, w in zip(slow, fast, strict=True)]
            fast = slow.copy()
        if update % 3 == 0:
            n = update // 3 - 1
            decay = min(0.2, (1 + n) / (10 + n))
            averages = [
                decay * a + (1 - decay) * w for a, w in zip(averages, fast, strict=True)
            ]
        yield fast, slow, averages


def assert_close(variables, expected):
    for variable, value in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-5)


def test_both_followers_by_hand():
    """The momentum stays at a synchronization, and the average comes after it."""
    variables, optimizer = make()
    for gradients, (fast, slow, averages) in zip(GRADIENTS, by_hand(), strict=True):
        optimizer.apply([tf.constant(gradient) for gradient in gradients])
        assert_close(variables, fast)
        assert_close(optimizer.lookahead.copies, slow)
        assert_close(optimizer.average.copies, averages)


def test_the_warm_up_of_the_average():
    """The decays are 1/10, 2/11, 3/12, ... up to `ema_decay`."""
    config = OptimizerConfig(ema_decay=0.9)
    weight, average = tf.Variable([1.0]), tf.Variable([0.0])
    follower = Average([weight], [average], config)
    np.testing.assert_array_equal(average, [1.0])
    expected = 1.0
    for n in range(100):
        weight.assign([float(n % 7)])
        follower.follow()
        decay = min(0.9, (1 + n) / (10 + n))
        assert (decay == 0.9) == (n >= 80)
        expected = decay * expected + (1 - decay) * (n % 7)
        np.testing.assert_allclose(average, [expected], rtol=1e-5)


def test_a_decay_near_one_is_exact():
    """float32 rounds 0.999999 so that 1 - decay is wrong by 1 %."""
    config = OptimizerConfig(ema_decay=0.999999)
    weight, average = tf.Variable([0.0]), tf.Variable([0.0])
    follower = Average([weight], [average], config)
    follower.updates.assign(10**8)
    weight.assign([1.0])
    follower.follow()
    np.testing.assert_allclose(average, [1e-6], rtol=1e-5)


def test_they_start_from_weights_that_are_loaded_later():
    variables, optimizer = make()
    variables[0].assign([7.0, 8.0])
    optimizer.start()
    for follower in (optimizer.lookahead, optimizer.average):
        np.testing.assert_array_equal(follower.copies[0], [7.0, 8.0])


def test_a_skipped_update_is_not_followed():
    scale = LossScale(initial=8.0)
    variables, optimizer = make(scale)
    for _ in range(3):  # the scale is 1 now
        optimizer.apply([tf.constant([np.inf, 0.0]), tf.constant([0.0])])
    assert int(optimizer.average.updates) == int(optimizer.lookahead.updates) == 0
    for gradients, (fast, slow, averages) in zip(GRADIENTS, by_hand(), strict=True):
        optimizer.apply([tf.constant(gradient) for gradient in gradients])
        assert_close(variables, fast)
        assert_close(optimizer.lookahead.copies, slow)
        assert_close(optimizer.average.copies, averages)
    assert int(optimizer.step) == 9 and int(optimizer.average.updates) == 6


@pytest.mark.parametrize("scaled", [False, True])
def test_replicas_follow_identically(scaled):
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        variables, optimizer = make(LossScale(initial=1.0) if scaled else None)

    @tf.function(autograph=False)
    def run(gradients):
        apply = tf.function(optimizer.apply, autograph=scaled)
        strategy.run(apply, args=(gradients,))

    for gradients in GRADIENTS:
        run([tf.constant(gradient) for gradient in gradients])
    *_, (fast, slow, averages) = by_hand()
    for found, expected in (
        ([variable.value for variable in variables], fast),
        (optimizer.lookahead.copies, slow),
        (optimizer.average.copies, averages),
    ):
        for replica in (0, 1):
            assert_close([variable.values[replica] for variable in found], expected)
