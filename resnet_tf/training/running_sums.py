"""Running sums over the training images since the last report."""

import tensorflow as tf

from resnet_tf.distribution.workers import Workers

_NAMES = ("loss", "errors", "images")


class RunningSums(tf.Module):
    """Sums of loss and errors of the training batches, kept on the device.

    Attributes:
        totals: The sums over all replicas, by name; a checkpoint holds them.
    """

    def __init__(self):
        super().__init__(name="metrics")
        self.loss = _sum(tf.float32, "loss")
        self.errors = _sum(tf.int64, "errors")
        self.images = _sum(tf.int64, "images")
        self.totals = {
            name: tf.Variable(0, dtype=getattr(self, name).dtype, trainable=False)
            for name in _NAMES
        }

    def add(self, losses: tf.Tensor, labels: tf.Tensor, logits: tf.Tensor) -> None:
        """Adds a batch.

        Args:
            losses: float32 tensor (N,).
            labels: Integer labels (N,), or targets (N, classes); the class with the
                largest target counts as the label.
            logits: float32 tensor (N, classes).
        """
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

    def fix(self, workers: Workers) -> dict[str, list[float]]:
        """Updates the totals. All workers must call this.

        Returns:
            The sums of each replica, by name. With them a run resumes bit for bit; the
            totals alone do not say which replica had which part.
        """
        parts = {}
        for name, total in self.totals.items():
            values = workers.strategy.experimental_local_results(getattr(self, name))
            gathered = workers.gather([value.numpy() for value in values])
            parts[name] = gathered.ravel().tolist()
            total.assign(tf.cast(sum(parts[name]), total.dtype))
        return parts

    def restore(self, parts: dict[str, list[float]] | None, workers: Workers) -> None:
        """Restores the sums of each replica.

        Args:
            parts: The sums that `fix` returned, or None. Without them, or if the number
                of replicas changed, the first replica starts from the totals.
            workers: The workers of the run.
        """
        own = workers.replicas // workers.number
        for name, total in self.totals.items():
            kept = parts[name] if parts else []
            if len(kept) != workers.replicas:
                kept = [total.numpy()] + [0] * (workers.replicas - 1)
            values = workers.strategy.experimental_local_results(getattr(self, name))
            mine = kept[own * workers.index : own * (workers.index + 1)]
            for value, part in zip(values, mine, strict=True):
                value.assign(tf.cast(part, value.dtype))

    def reset(self) -> None:
        """Sets all sums to 0."""
        for name in _NAMES:
            variable = getattr(self, name)
            variable.assign(tf.zeros((), variable.dtype))


def _sum(dtype: tf.DType, name: str) -> tf.Variable:
    """Returns a variable of which each replica holds its own part."""
    return tf.Variable(
        0,
        dtype=dtype,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
