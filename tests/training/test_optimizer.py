import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.config import OptimizerConfig
from resnet_tf.training.loss_scale import LossScale
from resnet_tf.training.newton_schulz import orthogonal
from resnet_tf.training.optimizer import AdamW, Momentum, Muon

START = {"kernel": [1.0, -2.0], "bias": [0.5]}
GRADIENTS = [([0.3, -0.1], [0.2]), ([-0.2, 0.4], [0.1]), ([0.1, 0.1], [-0.3])]


def make(loss_scale=None, kind=Momentum, **settings):
    variables = [keras.Variable(value, name=name) for name, value in START.items()]
    settings = {"schedule": "step", "decay_step0": 2, "decay_step1": 2, **settings}
    return variables, kind(variables, OptimizerConfig(**settings), 9, loss_scale)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("on", ["kernels", "all"])
def test_momentum_by_hand(nesterov, on):
    decay = 0.01
    variables, optimizer = make(
        init_lr=0.1, nesterov=nesterov, weight_decay=decay, weight_decay_on=on
    )
    weights = [np.array(value) for value in START.values()]
    slots = [np.zeros_like(weight) for weight in weights]
    # decay_step0 = decay_step1 = 2: the third update has a hundredth of the rate.
    for rate, gradients in zip([0.1, 0.1, 0.001], GRADIENTS, strict=True):
        for i, gradient in enumerate(gradients):
            decayed = on == "all" or i == 0
            g = np.array(gradient) + decay * weights[i] * decayed
            slots[i] = 0.9 * slots[i] + g
            weights[i] -= rate * (g + 0.9 * slots[i] if nesterov else slots[i])
        optimizer.apply([tf.constant(g) for g in gradients])
    for variable, expected in zip(variables, weights, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-5)
    assert int(optimizer.step) == 3


def test_coupled_decay_is_the_gradient_of_half_d_times_the_squares():
    variables, optimizer = make(init_lr=1.0, momentum=0.0, weight_decay=0.02)
    kernel = tf.Variable(START["kernel"])
    with tf.GradientTape() as tape:
        penalty = 0.02 / 2 * tf.reduce_sum(kernel**2)
    optimizer.apply([tf.zeros(2), tf.zeros(1)])
    expected = kernel - tape.gradient(penalty, kernel)
    np.testing.assert_allclose(variables[0], expected, rtol=1e-6)


@pytest.mark.parametrize("on", ["kernels", "all"])
def test_adamw_by_hand(on):
    decay = 0.05
    variables, optimizer = make(
        kind=AdamW, init_lr=0.1, weight_decay=decay, weight_decay_on=on
    )
    weights = [np.array(value) for value in START.values()]
    first = [np.zeros_like(weight) for weight in weights]
    second = [np.zeros_like(weight) for weight in weights]
    for step, gradients in enumerate(GRADIENTS, start=1):
        rate = 0.1 if step <= 2 else 0.001
        for i, gradient in enumerate(gradients):
            g = np.array(gradient)
            if on == "all" or i == 0:
                weights[i] *= 1 - rate * decay
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            unbiased = np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8
            weights[i] -= rate * first[i] / (1 - 0.9**step) / unbiased
        optimizer.apply([tf.constant(g) for g in gradients])
    for variable, expected in zip(variables, weights, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=2e-4)


def test_adamw_adds_epsilon_to_the_unbiased_root():
    variables, optimizer = make(kind=AdamW, init_lr=1.0, weight_decay=0.0)
    tiny = 1e-8  # as large as epsilon: the first step is half a unit
    optimizer.apply([tf.constant([tiny, 0.0]), tf.constant([0.0])])
    np.testing.assert_allclose(variables[0], [0.5, -2.0], rtol=1e-3)


def test_the_bias_of_the_head_can_decay_too():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="logits")])
    settings = {"init_lr": 1.0, "momentum": 0.0, "weight_decay": 0.25}
    for on, bias in (("kernels", 1.0), ("kernels_and_head", 0.75), ("all", 0.75)):
        for variable in model.trainable_variables:
            variable.assign(np.ones(variable.shape))
        config = OptimizerConfig(weight_decay_on=on, **settings)
        optimizer = Momentum(model.trainable_variables, config, 1)
        optimizer.apply([tf.zeros((2, 3)), tf.zeros(3)])
        np.testing.assert_allclose(model.layers[0].kernel, np.full((2, 3), 0.75))
        np.testing.assert_allclose(model.layers[0].bias, np.full(3, bias))


def test_an_overflow_skips_the_update():
    scale = LossScale(initial=8.0, growth_steps=2)
    variables, optimizer = make(scale, init_lr=0.1, weight_decay=0.0)
    optimizer.apply([tf.constant([np.inf, 0.0]), tf.constant([0.0])])
    np.testing.assert_array_equal(variables[0], START["kernel"])
    assert float(scale.scale(tf.constant(1.0))) == 4.0
    assert int(optimizer.step) == 1


def test_scaled_gradients_move_the_weights_as_unscaled_ones():
    scale = LossScale(initial=8.0, growth_steps=2)
    scaled, optimizer = make(scale, init_lr=0.1)
    plain, other = make(init_lr=0.1)
    for expected_scale, gradients in zip([8.0, 8.0, 16.0], GRADIENTS, strict=True):
        assert float(scale.scale(tf.constant(1.0))) == expected_scale
        optimizer.apply([expected_scale * tf.constant(g) for g in gradients])
        other.apply([tf.constant(g) for g in gradients])
    for one, two in zip(scaled, plain, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5)


def test_the_scale_stays_at_least_one():
    scale = LossScale(initial=1.0)
    scale.update(tf.constant(False))
    assert float(scale.scale(tf.constant(1.0))) == 1.0


def test_adamw_does_not_count_skipped_updates():
    """Three updates are skipped; the next one counts as the first."""
    scale = LossScale(initial=8.0)
    late = {"decay_step0": 9, "decay_step1": 9}
    scaled, optimizer = make(scale, AdamW, init_lr=0.1, **late)
    first, other = make(kind=AdamW, init_lr=0.1, **late)
    for _ in range(3):
        optimizer.apply([tf.constant([np.inf, 0.0]), tf.constant([0.0])])
    for gradients in GRADIENTS:
        optimizer.apply([tf.constant(g) for g in gradients])  # the scale is 1 now
        other.apply([tf.constant(g) for g in gradients])
    for one, two in zip(scaled, first, strict=True):
        np.testing.assert_array_equal(one, two)
    assert int(optimizer.step) == 6 and int(optimizer.updates) == 3


@pytest.mark.parametrize("kind", [Momentum, AdamW])
def test_the_factor_of_the_rate_of_biases(kind):
    """It is a rate of their own, also for their decay; kernels keep the rate."""
    settings = {"kind": kind, "weight_decay": 0.1, "weight_decay_on": "all"}
    variables, optimizer = make(init_lr=0.1, bias_rate_factor=3.0, **settings)
    (kernel, _), same = make(init_lr=0.1, **settings)
    (_, bias), higher = make(init_lr=0.3, **settings)
    for gradients in GRADIENTS:
        for each in (optimizer, same, higher):
            each.apply([tf.constant(g) for g in gradients])
    np.testing.assert_allclose(variables[0], kernel, rtol=1e-6)
    np.testing.assert_allclose(variables[1], bias, rtol=1e-6)


def orthogonal_by_hand(kernel):
    """Returns Newton-Schulz of (output channels, rest) in float64, in HWIO again."""
    height, width, inputs, outputs = kernel.shape
    x = kernel.transpose(3, 2, 0, 1).reshape(outputs, -1)
    x = x / np.linalg.norm(x)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    scale = np.sqrt(max(1, outputs / (height * width * inputs)))
    return scale * x.reshape(outputs, inputs, height, width).transpose(2, 3, 1, 0)


@pytest.mark.parametrize("scaled", [False, True])
def test_muon_by_hand(scaled):
    """A 3x3 convolution, a widening 1x1 convolution, and a dense head with a bias."""
    generator = np.random.default_rng(0)
    shapes = [(3, 3, 2, 4), (1, 1, 2, 8), (4, 3), (3,)]
    names = ["kernel", "kernel", "kernel", "bias"]
    weights, *gradients = (
        [generator.normal(size=shape) for shape in shapes] for _ in range(4)
    )
    variables = [
        keras.Variable(weight, name=name, dtype="float32")
        for weight, name in zip(weights, names, strict=True)
    ]
    config = OptimizerConfig(
        optimizer="muon",
        init_lr=0.05,
        sgd_lr=0.2,
        bias_rate_factor=3.0,
        momentum=0.8,
        weight_decay=0.1,
        decay_step0=2,
        decay_step1=2,
    )
    optimizer = Muon(variables, config, 9, LossScale(initial=1.0) if scaled else None)
    slots = [np.zeros(shape) for shape in shapes]
    for drop, each in zip([1, 1, 0.01], gradients, strict=True):
        for i, rate in enumerate(drop * np.array([0.05, 0.05, 0.2, 0.6])):
            slots[i] = 0.8 * slots[i] + each[i]
            step = each[i] + 0.8 * slots[i]
            if i < 2:
                step = orthogonal_by_hand(step)
            weights[i] *= 1 - rate * 0.1 * (names[i] == "kernel")
            weights[i] -= rate * step
        optimizer.apply([tf.constant(g, tf.float32) for g in each])
    for variable, expected in zip(variables, weights, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=1e-4, atol=1e-6)


def test_muon_computes_in_the_working_precision():
    variable = keras.Variable(np.zeros((3, 3, 2, 4), "float32"), name="kernel")
    config = OptimizerConfig(optimizer="muon", init_lr=1.0, weight_decay=0.0)
    optimizer = Muon([variable], config, 9, dtype=tf.bfloat16)
    gradient = tf.random.stateless_normal((3, 3, 2, 4), (0, 1))
    optimizer.apply([gradient])
    matrix = tf.reshape(gradient + 0.9 * gradient, (18, 4))
    expected = -orthogonal(matrix, tf.bfloat16).numpy()
    np.testing.assert_array_equal(variable, expected.reshape(3, 3, 2, 4))
