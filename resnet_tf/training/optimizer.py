"""Momentum SGD in the field's form, with coupled weight decay."""

import keras
import tensorflow as tf

from resnet_tf.config import OptimizerConfig
from resnet_tf.training.loss_scale import LossScale
from resnet_tf.training.schedule import learning_rate


class Momentum(tf.Module):
    """accumulator = m * accumulator + (g + d * w); w = w - rate * accumulator.

    The rate stays outside the accumulator, as in TF1, Torch and the papers, so a
    drop of the rate acts at once; with `nesterov` the update is
    rate * (g + d * w + m * accumulator). d * w is the gradient of d/2 * sum(w^2).

    Args:
        variables: The trainable variables of the model, in a fixed order.
        config: Rate, momentum and decay.
        train_steps: Updates in the run, for the schedule.
        loss_scale: For float16, else None.

    Attributes:
        step: Number of updates done, int64.
        loss_scale: As given.
    """

    def __init__(
        self,
        variables: list[keras.Variable],
        config: OptimizerConfig,
        train_steps: int,
        loss_scale: LossScale | None = None,
    ):
        super().__init__(name="momentum")
        self._config = config
        self._rate = learning_rate(config, train_steps)
        self._variables = [variable.value for variable in variables]
        self._decayed = [
            config.weight_decay_on == "all" or variable.name == "kernel"
            for variable in variables
        ]
        self.accumulators = [
            tf.Variable(tf.zeros(v.shape), trainable=False, name="accumulator")
            for v in variables
        ]
        self.loss_scale = loss_scale
        self.step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="step",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def rate_of(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the rate of update `step`, from 0; float32 scalar."""
        return self._rate(step)

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """Does one update.

        Args:
            gradients: One a variable, summed over the replicas, of the scaled
                loss where there is a loss scale. An update with a gradient that
                is not finite is then left out, but counted.
        """
        if self.loss_scale is None:
            self._update(gradients)
        else:
            gradients, finite = self.loss_scale.unscale(gradients)
            if finite:
                self._update(gradients)
            self.loss_scale.update(finite)
        tf.raw_ops.AssignAddVariableOp(
            resource=self.step.handle, value=tf.constant(1, tf.int64)
        )

    def _update(self, gradients: list[tf.Tensor]) -> None:
        rate = self.rate_of(self.step)
        decay = self._config.weight_decay
        for variable, accumulator, gradient, decayed in zip(
            self._variables, self.accumulators, gradients, self._decayed, strict=True
        ):
            if decay and decayed:
                gradient = gradient + decay * variable
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=accumulator.handle,
                lr=rate,
                grad=gradient,
                momentum=self._config.momentum,
                use_nesterov=self._config.nesterov,
            )
