"""Dynamic loss scaling, so that float16 gradients do not vanish."""

import tensorflow as tf


class LossScale(tf.Module):
    """The factor by which the loss is multiplied before differentiation.

    It is halved when a gradient is not finite, and that update is skipped. It is
    doubled after `growth_steps` finite updates in a row (Micikevicius et al. 2018,
    section 3.2).

    Args:
        initial: Initial factor, a power of two.
        growth_steps: Number of finite updates before the factor doubles.
    """

    def __init__(self, initial: float = 2.0**15, growth_steps: int = 2000):
        super().__init__(name="loss_scale")
        self._growth_steps = growth_steps
        self._factor = _counter(initial, tf.float32, "factor")
        self._finite_steps = _counter(0, tf.int64, "finite_steps")

    def scale(self, loss: tf.Tensor) -> tf.Tensor:
        """Returns the loss times the factor."""
        return loss * self._factor

    def unscale(self, gradients: list[tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Returns the gradients of the unscaled loss, and whether all are finite."""
        gradients = [gradient / self._factor for gradient in gradients]
        finite = [tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]
        return gradients, tf.reduce_all(finite)

    def update(self, finite: tf.Tensor) -> None:
        """Adjusts the factor after one update."""
        steps = tf.where(finite, self._finite_steps + 1, 0)
        grow = steps == self._growth_steps
        change = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        factor = tf.maximum(self._factor * change, 1.0)
        for variable, value in (
            (self._factor, factor),
            (self._finite_steps, tf.where(grow, tf.zeros_like(steps), steps)),
        ):
            tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def _counter(value, dtype, name: str) -> tf.Variable:
    """Returns a variable that all replicas change identically."""
    return tf.Variable(
        value,
        dtype=dtype,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
