"""The native max pooling against TensorFlow's."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import InceptionBlock, MaxPool
from resnet_tf.native import library

pytestmark = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


def _with_gradient(pool, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = pool(x)
        dx = tape.gradient(y, x, tf.random.stateless_normal(y.shape, [1, 1]))
    return y, dx


def _theirs(x, stride):
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    padded = tf.pad(x, border, constant_values=-math.inf)
    return tf.nn.max_pool2d(padded, 3, stride, "VALID")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(3, 8, 8, 16), (2, 7, 5, 21), (2, 1, 1, 3)])
@pytest.mark.parametrize("ties", [False, True])
def test_values_and_gradients_equal_tensorflows(instructions, size, stride, ties):
    x = tf.random.stateless_normal(size, [0, 0])
    x = tf.round(x) if ties else x
    ours = _with_gradient(lambda x: native.max_pool(x, stride), x)
    theirs = _with_gradient(lambda x: _theirs(x, stride), x)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-6)


def test_bits_do_not_depend_on_the_number_of_threads():
    x = tf.random.stateless_normal((9, 16, 16, 24), [0, 0])

    def results():
        pooled = _with_gradient(lambda x: native.max_pool(x, 1), x)
        return [tensor.numpy().tobytes() for tensor in pooled]

    try:
        library.set_threads(1)
        one = results()
        for threads in (2, 7):
            library.set_threads(threads)
            assert results() == one
    finally:
        library.set_threads(library.cores())


@pytest.mark.parametrize(
    "layer", [MaxPool(), InceptionBlock((4, 4, 4, 4), (4, 4))], ids=["pool", "block"]
)
def test_layers_pool_natively_in_training(layer):
    model = keras.Sequential([layer])
    x = tf.random.stateless_normal((2, 9, 8, 5), [0, 0])
    expected = model(x, training=True)
    with native.computing(True):
        step = tf.function(lambda x: model(x, training=True))
        graph = step.get_concrete_function(x).graph
        assert "ResnetTfMaxPool" in {op.type for op in graph.get_operations()}
        np.testing.assert_allclose(step(x), expected, rtol=1e-3, atol=1e-4)


def test_no_images():
    y, dx = _with_gradient(lambda x: native.max_pool(x, 2), tf.ones((0, 4, 4, 3)))
    assert (y.shape, dx.shape) == ((0, 2, 2, 3), (0, 4, 4, 3))


def test_wrong_arguments_are_refused():
    x = tf.ones((1, 4, 4, 3))
    with pytest.raises(tf.errors.InvalidArgumentError, match="stride must be 1 or 2"):
        native.max_pool(x, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="y and dy must have"):
        library.operations().resnet_tf_max_pool_gradient(x=x, y=x, dy=x, stride=2)


def test_a_second_gradient_is_refused():
    x = tf.ones((1, 4, 4, 3))
    with tf.GradientTape() as outer:
        outer.watch(x)
        _, dx = _with_gradient(lambda x: native.max_pool(x, 1), x)
    with pytest.raises(LookupError, match="first gradient only"):
        outer.gradient(dx, x)
