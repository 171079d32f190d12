"""Residual branches that start at zero, and that training drops."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import (
    PreActBottleneckBlock,
    PreActResidualBlock,
    ResidualBlock,
    dropout_seed,
)
from tests.layers.harness import check_layer

BLOCKS = {
    "post": lambda **k: ResidualBlock(4, shortcut="identity", name="block", **k),
    "pre": lambda **k: PreActResidualBlock(4, shortcut="identity", name="block", **k),
    "bottleneck": lambda **k: PreActBottleneckBlock(4, name="block", **k),
}
LAST = {"post": "bn2/gamma", "pre": "conv2/kernel", "bottleneck": "conv3/kernel"}
SEED = tf.constant([3, 4], tf.int64)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(256, 4, 4, 4)).astype("float32")


def built(kind, x, **settings):
    keras.utils.set_random_seed(0)
    block = BLOCKS[kind](**settings)
    block.build(x.shape)
    return block


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_block_starts_as_its_shortcut(kind, x):
    block, plain = built(kind, x, zero_init_residual=True), built(kind, x)
    assert [w.path for w in block.weights] == [w.path for w in plain.weights]
    # No other weight starts with another value.
    for weight, other in zip(block.weights, plain.weights, strict=True):
        last = weight.path.endswith(LAST[kind])
        expected = np.zeros(weight.shape) if last else other.numpy()
        np.testing.assert_array_equal(weight, expected)
    expected = np.maximum(x, 0) if kind == "post" else x
    np.testing.assert_array_equal(block(x, training=True), expected)
    with tf.GradientTape() as tape:
        y = block(x, training=True)
        loss = tf.reduce_sum(y * np.random.default_rng(1).normal(size=y.shape))
    (last,) = [w.value for w in block.weights if w.path.endswith(LAST[kind])]
    assert np.all(np.abs(tape.gradient(loss, last)) > 1e-3)


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_checks_for_every_layer(kind, x):
    settings = {"zero_init_residual": True, "drop_rate": 0.25}
    assert settings.items() <= BLOCKS[kind](**settings).get_config().items()
    counts = {"post": (304, 16), "pre": (304, 16), "bottleneck": (29, 12)}
    with dropout_seed(SEED):
        check_layer(BLOCKS[kind](drop_rate=0.25), x, x.shape, *counts[kind])


def branch_of(kind, block, x):
    """Returns the residual branch in training, layer by layer."""
    steps = {
        "post": ["conv1", "bn1", "relu", "conv2", "bn2"],
        "pre": ["bn1", "relu", "conv1", "bn2", "relu", "conv2"],
        "bottleneck": "bn1 relu conv1 bn2 relu conv2 bn3 relu conv3".split(),
    }
    for step in steps[kind]:
        if step == "relu":
            x = np.maximum(x, 0)
        elif step.startswith("bn"):
            x = getattr(block, step)(x, training=True).numpy()
        else:
            x = getattr(block, step)(x).numpy()
    return x


@pytest.mark.parametrize("kind", BLOCKS)
def test_training_drops_the_branches_of_images(kind, x):
    block, rate = built(kind, x, drop_rate=0.25), 0.25
    with dropout_seed(SEED):
        found = block(x, training=True).numpy()
        again = block(x, training=True).numpy()
    np.testing.assert_array_equal(found, again)
    branch = branch_of(kind, block, x).astype(np.float64)
    whole, none = x + branch / (1 - rate), x
    if kind == "post":
        whole, none = np.maximum(whole, 0), np.maximum(none, 0)
    dropped = (found == none).all(axis=(1, 2, 3))
    # Five standard deviations of a binomial share.
    assert abs(dropped.mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / len(x))
    np.testing.assert_allclose(found[~dropped], whole[~dropped], atol=1e-4)
    with dropout_seed(SEED + 1):
        other = (block(x, training=True) == none).numpy().all(axis=(1, 2, 3))
    assert np.any(other != dropped)


@pytest.mark.parametrize("kind", BLOCKS)
def test_inference_has_the_whole_branch(kind, x):
    block, plain = built(kind, x, drop_rate=0.25), built(kind, x)
    np.testing.assert_array_equal(block(x), plain(x))
    graph = tf.function(block).get_concrete_function(x).graph
    assert not [op for op in graph.get_operations() if "Random" in op.type]


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_half_precision_keeps_its_dtype(kind, dtype, x):
    full, half = (built(kind, x, drop_rate=0.25, dtype=d) for d in ("float32", dtype))
    with dropout_seed(SEED):
        expected, found = full(x, training=True), half(x, training=True)
    assert found.dtype == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(tf.cast(found, "float32"), expected, atol=0.2)


@pytest.mark.skipif(not native.available(), reason=f"{native.reason()}")
@pytest.mark.parametrize("kind", ["post", "pre"])
def test_the_native_kernels_differentiate_a_scale_of_zero(kind, x):
    found = []
    for own in (True, False):
        block = built(kind, x, zero_init_residual=True)
        values = [w.value for w in block.trainable_weights]

        @tf.function
        def call(block=block, values=values, own=own):
            with tf.GradientTape() as tape, native.computing(own):
                y = block(x, training=True)
                loss = tf.reduce_sum(tf.cos(y))
            return [y, *tape.gradient(loss, values)]

        found.append(call())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max() + 1e-9)


def test_a_probability_of_one_is_refused():
    with pytest.raises(ValueError, match=r"drop_rate must be in \[0, 1\), received 1"):
        ResidualBlock(4, drop_rate=1)
