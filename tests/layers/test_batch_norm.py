import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import BatchNorm
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(3, 2, (4, 6, 5, 7)).astype("float32")


def test_the_checks_for_every_layer(x, tmp_path):
    check_layer(BatchNorm(), x, x.shape, trainable=14, non_trainable=14)
    check_saving(BatchNorm(0.8, 1e-3), x, tmp_path)
    check_saving(BatchNorm(0.8, 1e-3, "batch"), x, tmp_path)


def test_defaults():
    layer = BatchNorm()
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)
    assert layer.evaluation == "moving"


def test_training_normalizes_the_batch_as_in_the_paper(x):
    layer = BatchNorm(epsilon=1e-3)
    layer.build(x.shape)
    gamma, beta = np.linspace(0.5, 2, 7), np.linspace(-1, 1, 7)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-4)


def test_moving_averages_use_the_unbiased_variance(x):
    layer = BatchNorm(momentum=0.75)
    layer(x, training=True)
    n = 4 * 6 * 5
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2)) * n / (n - 1)
    np.testing.assert_allclose(layer.moving_mean, 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.75 + 0.25 * variance, rtol=1e-5)


def test_inference_uses_the_moving_averages_and_keeps_them(x):
    layer = BatchNorm()
    layer.build(x.shape)
    layer.moving_mean.assign(np.full(7, 2.0))
    layer.moving_variance.assign(np.full(7, 4.0))
    expected = (x - 2) / np.sqrt(4 + 1e-5)
    np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-5)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, np.full(7, 2.0))


def test_evaluation_with_batch_statistics_updates_nothing(x):
    layer = BatchNorm(evaluation="batch")
    layer.build(x.shape)
    layer.moving_mean.assign(np.full(7, 2.0))
    expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    np.testing.assert_allclose(layer(x, training=False), expected, atol=1e-4)
    np.testing.assert_allclose(layer(x), expected, atol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean, np.full(7, 2.0))
    np.testing.assert_array_equal(layer.moving_variance, np.ones(7))


def test_evaluation_with_batch_statistics_does_not_change_training(x):
    layers = [BatchNorm(), BatchNorm(evaluation="batch")]
    outputs = [layer(x, training=True).numpy() for layer in layers]
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_array_equal(*(layer.moving_mean for layer in layers))
    np.testing.assert_array_equal(*(layer.moving_variance for layer in layers))


def test_a_frozen_layer_keeps_its_averages(x):
    layer = BatchNorm()
    layer.trainable = False
    expected = x / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(7))


def test_gradients_agree_with_keras(x):
    ours, keras_layer = (
        BatchNorm(epsilon=1e-3),
        keras.layers.BatchNormalization(epsilon=1e-3),
    )
    noise = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    gradients = []
    for layer in (ours, keras_layer):
        layer.build(x.shape)
        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True) * noise)
        sources = [inputs, layer.gamma.value, layer.beta.value]
        gradients.append(tape.gradient(loss, sources))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_statistics_stay_float32(x, dtype):
    layer = BatchNorm(dtype=f"mixed_{dtype}")
    output = layer(x.astype("float32"), training=True)
    assert output.dtype == dtype
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    assert abs(np.asarray(output, "float32").mean()) < 0.01
    np.testing.assert_allclose(layer.moving_mean, 0.1 * x.mean((0, 1, 2)), rtol=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"momentum": 1.5}, r"momentum must be in \[0, 1\], received 1.5"),
        ({"epsilon": 0.0}, "epsilon must be above 0, received 0.0"),
        (
            {"evaluation": "test"},
            "evaluation must be moving or batch, received 'test'",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm(**arguments)


def test_wrong_rank():
    with pytest.raises(ValueError, match=r"inputs must be \(N, H, W, C\)"):
        BatchNorm().build((None, 3))


def test_channels_beyond_the_weights_become_zeros(x):
    """Their values do not matter."""
    layer, wide = BatchNorm(), BatchNorm()
    for each in (layer, wide):
        each.build(x.shape)
        each.gamma.assign(np.linspace(0.5, 2, 7))
        each.beta.assign(np.linspace(-1, 1, 7))
    expected = layer(x, training=True)
    beyond = np.random.default_rng(1).normal(3, 2, (4, 6, 5, 9)).astype("float32")
    found = wide(np.concatenate([x, beyond], -1), training=True).numpy()
    np.testing.assert_allclose(found[..., :7], expected, atol=1e-6)
    np.testing.assert_array_equal(found[..., 7:], np.zeros((4, 6, 5, 9)))
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(getattr(wide, name), getattr(layer, name), 1e-6)


@pytest.mark.parametrize("channels", [7, 16, 28])
def test_half_precision_is_as_exact_as_tensorflows_kernel(channels):
    """Both errors are against float64. TensorFlow's kernel runs without filling."""
    numbers = np.random.default_rng(0)
    x, noise = (
        tf.cast(numbers.normal(1, 2, (8, 6, 6, channels)), "bfloat16") for _ in "xy"
    )
    layer = BatchNorm(dtype="mixed_bfloat16")
    layer.build(x.shape)
    gamma, beta = layer.gamma.value, layer.beta.value

    def kernel(x):
        outputs = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=1e-5
        )
        return outputs.y

    def formula(x):
        mean, variance = tf.nn.moments(x, (0, 1, 2))
        y = (x - mean) / tf.sqrt(variance + 1e-5)
        return y * tf.cast(gamma, x.dtype) + tf.cast(beta, x.dtype)

    exact = _gradients(formula, tf.cast(x, "float64"), [gamma, beta], noise)
    own = _gradients(kernel, x, [gamma, beta], noise)
    found = _gradients(lambda x: layer(x, training=True), x, [gamma, beta], noise)
    for ours, theirs, expected in zip(found, own, exact, strict=True):
        assert _error(ours, expected) <= 1.01 * _error(theirs, expected)


def _gradients(function, x, weights, noise):
    with tf.GradientTape() as tape:
        tape.watch([x, *weights])
        y = function(x)
    return [y, *tape.gradient(y, [x, *weights], tf.cast(noise, y.dtype))]


def _error(found, expected) -> float:
    difference = tf.cast(found, "float64") - tf.cast(expected, "float64")
    return float(tf.norm(difference))


@pytest.mark.parametrize("value", [True, False])
def test_training_can_be_a_tensor(images, value):
    layer, other = BatchNorm(), BatchNorm()
    call = tf.function(lambda training: layer(images, training=training))
    for training in (tf.constant(value), tf.Variable(value)):
        found, expected = call(training), other(images, training=value)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        for one, two in zip(layer.weights, other.weights, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-6)


def test_float64_is_one_line():
    message = "^dtype must be float32, mixed_bfloat16 or mixed_float16, received floa"
    with pytest.raises(ValueError, match=message):
        BatchNorm(dtype="float64")
