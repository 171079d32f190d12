"""Sums over the training images since the last report."""

import tensorflow as tf


class TrainMetrics(tf.Module):
    """Loss and error of the training batches, kept on the device."""

    def __init__(self):
        super().__init__(name="metrics")
        self.loss = _sum(tf.float32, "loss")
        self.errors = _sum(tf.int64, "errors")
        self.images = _sum(tf.int64, "images")

    def add(self, losses: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> None:
        """Adds a batch: losses (N,), labels (N,) or targets (N, classes), of which
        the largest counts, and logits (N, classes)."""
        if labels.shape.rank == 2:
            labels = tf.argmax(labels, axis=-1, output_type=tf.int32)
        predicted = tf.argmax(logits, axis=-1, output_type=labels.dtype)
        wrong = tf.math.count_nonzero(predicted != labels)
        self.loss.assign_add(tf.reduce_sum(losses))
        self.errors.assign_add(wrong)
        self.images.assign_add(tf.size(labels, tf.int64))

    def result(self) -> tuple[float, float]:
        """Returns (mean loss, error in percent)."""
        images = max(int(self.images.numpy()), 1)
        loss, errors = float(self.loss.numpy()), int(self.errors.numpy())
        return loss / images, 100 * errors / images

    def parts(self, strategy: tf.distribute.Strategy) -> dict[str, tf.Variable]:
        """Returns the variables by name, each replica's by itself: a checkpoint of
        their sums could not tell whose part was whose."""
        parts = {}
        for name in ("loss", "errors", "images"):
            values = strategy.experimental_local_results(getattr(self, name))
            for replica, value in enumerate(values):
                parts[f"{name}_{replica}" if replica else name] = value
        return parts

    def reset(self) -> None:
        """Starts anew."""
        for variable in (self.loss, self.errors, self.images):
            variable.assign(tf.zeros_like(variable))


def _sum(dtype: tf.DType, name: str) -> tf.Variable:
    """A variable of which each replica holds its own part."""
    return tf.Variable(
        0,
        dtype=dtype,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
