"""Batch normalisation by the statistics of the batches of all replicas."""

import tensorflow as tf


def over_replicas(
    inputs: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    mean: tf.Tensor,
    variance: tf.Tensor,
    epsilon: float,
    momentum: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns what the fused kernel would for the batches of all replicas as one.

    Args:
        inputs: Float tensor (N, H, W, C), N as in each replica.
        scale: float32 (C,).
        offset: float32 (C,).
        mean: Moving average, float32 (C,), the same in each replica.
        variance: As `mean`.
        epsilon: Added to the variance.
        momentum: Share of the old moving average that stays.

    Returns:
        The normalised inputs, in their shape and dtype; the new moving averages of
        the mean and of the unbiased variance.
    """
    x = tf.cast(inputs, tf.float32)
    # The moments about a mean nearby: those about 0 would cancel each other.
    near = tf.stop_gradient(mean)
    own_mean, own_variance = tf.nn.moments(x - near, (0, 1, 2))
    first, second = tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.MEAN, [own_mean, own_variance + own_mean**2]
    )
    batch_mean, batch_variance = near + first, second - first**2
    y = tf.nn.batch_normalization(x, batch_mean, batch_variance, offset, scale, epsilon)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    n = tf.cast(replicas * tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    # As in TensorFlow's kernel, the variance of one number stays 0.
    unbiased = batch_variance * (n / tf.maximum(n - 1, 1))
    share = 1 - momentum
    return (
        tf.cast(y, inputs.dtype),
        momentum * mean + share * batch_mean,
        momentum * variance + share * unbiased,
    )
