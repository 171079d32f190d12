"""Newton-Schulz in float32 and bfloat16, against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.training.newton_schulz import orthogonal


def step(x):
    return 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5


def reference(matrix):
    """Returns the result in float64, without transposing a tall matrix."""
    x = matrix / np.linalg.norm(matrix)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


def with_singular_values(values, columns):
    """Returns left vectors, right vectors and the matrix of these singular values."""
    left, _ = np.linalg.qr(normal(len(values), len(values)))
    right, _ = np.linalg.qr(normal(columns, len(values)))
    return left, right, left @ np.diag(values) @ right.T


@pytest.mark.parametrize("shape", [(4, 36), (36, 4), (16, 16), (1, 9), (5, 1)])
def test_it_equals_float64(shape):
    matrix = normal(*shape)
    found = orthogonal(tf.constant(matrix, tf.float32))
    np.testing.assert_allclose(found, reference(matrix), atol=1e-5)


def test_each_singular_value_goes_through_the_polynomial():
    values = np.geomspace(1, 1e-4, 8)
    left, right, matrix = with_singular_values(values, 20)
    expected = values / np.linalg.norm(values)
    for _ in range(5):
        expected = step(expected)
    found = orthogonal(tf.constant(matrix, tf.float32))
    np.testing.assert_allclose(left.T @ found @ right, np.diag(expected), atol=1e-4)


def test_the_singular_values_are_near_one():
    """As the docstring says, for those of at least 1 % of the Frobenius norm."""
    values = np.linspace(0.01, 1, 10_000)
    for _ in range(5):
        values = step(values)
    assert 0.68 < values.min() and values.max() < 1.14
    _, _, matrix = with_singular_values(np.geomspace(1, 0.02, 16), 144)
    found = np.linalg.svd(orthogonal(tf.constant(matrix, tf.float32)))[1]
    assert 0.68 < found.min() and found.max() < 1.14


def test_bfloat16_gives_about_the_same():
    matrix = normal(16, 144)
    found = orthogonal(tf.constant(matrix, tf.float32), tf.bfloat16)
    assert found.dtype == tf.float32
    expected = reference(matrix)
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert 1e-3 < error < 0.1
    assert 0.6 < np.linalg.svd(found)[1].min()
    # They were computed in bfloat16, which has 8 bits.
    np.testing.assert_array_equal(
        found, tf.cast(tf.cast(found, tf.bfloat16), "float32")
    )


def test_the_length_of_the_matrix_does_not_matter():
    matrix = tf.constant(normal(4, 36), tf.float32)
    np.testing.assert_allclose(orthogonal(1e4 * matrix), orthogonal(matrix), atol=1e-5)


def test_zeros_stay_zeros():
    for shape in ((2, 3), (3, 2)):
        np.testing.assert_array_equal(orthogonal(tf.zeros(shape)), np.zeros(shape))
