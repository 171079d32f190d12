"""Batch normalization with the statistics of the batches of all replicas."""

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
    """Normalizes this replica's batch with the statistics of all replicas' batches.

    The result is what the fused kernel returns for all batches joined.

    Args:
        inputs: Float tensor (N, H, W, C); every replica has the same N.
        scale: float32 (C,).
        offset: float32 (C,).
        mean: Moving average, float32 (C,), the same in each replica.
        variance: Moving average of the unbiased variance, as `mean`.
        epsilon: Number added to the variance, above 0.
        momentum: Share of the old moving average that an update keeps, in [0, 1].

    Returns:
        The normalized inputs, in the shape and dtype of `inputs`; the new moving
        averages of the mean and of the unbiased variance.
    """
    x = tf.cast(inputs, tf.float32)
    # Moments about a nearby mean: moments about 0 would lose digits by cancellation.
    near = tf.stop_gradient(mean)
    own_mean, own_variance = tf.nn.moments(x - near, (0, 1, 2))
    first, second = tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.MEAN, [own_mean, own_variance + own_mean**2]
    )
    batch_mean, batch_variance = near + first, second - first**2
    y = tf.nn.batch_normalization(x, batch_mean, batch_variance, offset, scale, epsilon)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    n = tf.cast(replicas * tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
    # As in TensorFlow's kernel, the variance of a single value stays 0.
    unbiased = batch_variance * (n / tf.maximum(n - 1, 1))
    share = 1 - momentum
    return (
        tf.cast(y, inputs.dtype),
        momentum * mean + share * batch_mean,
        momentum * variance + share * unbiased,
    )
