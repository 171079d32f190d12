"""Copies of the weights that follow the updates: their average, and slow weights.

The copies are part of the state of a run. An update that the loss scale skips is not
followed.
"""

from collections.abc import Sequence

import tensorflow as tf

from resnet_tf.config import OptimizerConfig
from resnet_tf.training.optimizer import counter, increment


class Follower(tf.Module):
    """Copies of weights that move after every few updates.

    Args:
        weights: The weights that the optimizer updates.
        copies: One variable per weight, of the same shape; it takes the weight's value.
        every: Number of updates between two moves, at least 1.

    Attributes:
        copies: The copies.
        updates: Number of updates followed, int64.
    """

    def __init__(
        self, weights: Sequence[tf.Variable], copies: Sequence[tf.Variable], every: int
    ):
        super().__init__(name="follower")
        self._weights = list(weights)
        self._every = every
        self.copies = list(copies)
        self.updates = counter(0, "updates")
        self.start()

    def start(self) -> None:
        """Gives the copies the values of the weights; only before the first update."""
        for weight, copy in zip(self._weights, self.copies, strict=True):
            copy.assign(weight.numpy())

    def follow(self) -> None:
        """Counts an update of the weights and moves the copies if it is their turn."""
        increment(self.updates)
        if self._every == 1:
            self._move()
        else:
            tf.cond(self.updates % self._every == 0, self._move, lambda: None)

    def _move(self) -> None:
        raise NotImplementedError


class Average(Follower):
    """The exponential moving average of all weights of a network.

    average = decay * average + (1 - decay) * weight. Averaging n, from 0, uses
    decay = min(ema_decay, (1 + n) / (10 + n)), so that the average soon forgets the
    initial weights; `tf.train.ExponentialMovingAverage` has the same warm-up. The
    moving averages of batch norm are averaged too.

    Args:
        weights: All weights of the network in training.
        averages: All weights of another network of the same kind, in the same order.
        config: The decay, and the number of updates between two averagings.

    Reference: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046.
    """

    def __init__(
        self,
        weights: Sequence[tf.Variable],
        averages: Sequence[tf.Variable],
        config: OptimizerConfig,
    ):
        super().__init__(weights, averages, config.ema_every)
        self._smallest_share = 1 - config.ema_decay

    def _move(self) -> None:
        done = tf.cast(self.updates // self._every, tf.float32)  # n + 1
        # This is 1 - decay, without the rounding of a decay near 1.
        share = tf.maximum(self._smallest_share, 9 / (9 + done))
        for weight, average in zip(self._weights, self.copies, strict=True):
            tf.raw_ops.AssignAddVariableOp(
                resource=average.handle, value=share * (weight - average)
            )


class Lookahead(Follower):
    """Slow weights that the fast weights, which the optimizer updates, return to.

    After every `lookahead` updates, slow = slow + share * (fast - slow), and the fast
    weights take the values of the slow ones. The optimizer keeps its momentum. Between
    two synchronizations the network has the fast weights.

    Args:
        variables: The trainable variables of the network.
        config: The number of updates between two synchronizations, and the share.

    Reference: Zhang et al. 2019, https://arxiv.org/abs/1907.08610, algorithm 1.
    """

    def __init__(self, variables: Sequence[tf.Variable], config: OptimizerConfig):
        slow = [
            tf.Variable(tf.zeros(variable.shape), trainable=False, name="slow")
            for variable in variables
        ]
        super().__init__(variables, slow, config.lookahead)
        self._share = config.lookahead_share

    def _move(self) -> None:
        for fast, slow in zip(self._weights, self.copies, strict=True):
            value = slow + self._share * (fast - slow)
            for variable in (slow, fast):
                tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
