"""The nearest orthogonal matrix, approximately, by matrix products alone."""

import tensorflow as tf

# They maximize the slope at zero, so that five steps are enough.
COEFFICIENTS = 3.4445, -4.7750, 2.0315
STEPS = 5
_EPSILON = 1e-7  # Keeps a matrix of zeros at zero.


def orthogonal(matrix: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """Returns about U V^T, where U S V^T is the singular value decomposition.

    Each step maps every singular value s to 3.4445 s - 4.7750 s^3 + 2.0315 s^5. After
    five steps, a singular value of at least 1 % of the matrix's Frobenius norm is
    between 0.68 and 1.14. So the result is only nearly orthogonal, which is enough for
    an optimizer. The result of a transposed matrix is the transposed result.

    Args:
        matrix: float32 tensor (rows, columns).
        dtype: Data type of the matrix products, float32 or bfloat16.

    Returns:
        float32 tensor (rows, columns); zeros for a matrix of zeros.

    Reference: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    # The Frobenius norm is at least the largest singular value.
    x = matrix / (tf.norm(matrix) + _EPSILON)
    x = tf.cast(tf.transpose(x) if tall else x, dtype)
    for _ in range(STEPS):
        square = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * square + c * tf.matmul(square, square), x)
    x = tf.cast(x, tf.float32)
    return tf.transpose(x) if tall else x
