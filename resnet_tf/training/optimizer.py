"""Momentum SGD with coupled weight decay, AdamW, and Muon."""

import math

import keras
import tensorflow as tf

from resnet_tf.config import HEAD, OptimizerConfig
from resnet_tf.training.loss_scale import LossScale
from resnet_tf.training.newton_schulz import orthogonal
from resnet_tf.training.schedule import learning_rate

KERNEL = "kernel"


class Optimizer(tf.Module):
    """The base of the optimizers: learning rate, step count, and float16's loss scale.

    Args:
        variables: The trainable variables of the model, in a fixed order.
        config: Learning rate, momentum and weight decay.
        train_steps: Number of updates in the run, for the schedule.
        loss_scale: The loss scale for float16, else None.
        dtype: Data type of the matrix products in an update; only Muon has any.

    Attributes:
        step: Number of updates done, int64.
        loss_scale: The loss scale, or None.
        lookahead: The follower that synchronizes the weights after an update, or None.
        average: The follower that averages the weights after that, or None.
    """

    def __init__(
        self,
        variables: list[keras.Variable],
        config: OptimizerConfig,
        train_steps: int,
        loss_scale: LossScale | None = None,
        dtype: tf.DType = tf.float32,
    ):
        super().__init__(name="optimizer")
        self._config = config
        self._rate = learning_rate(config, train_steps)
        self._dtype = dtype
        self._variables = [variable.value for variable in variables]
        self._decays = [
            config.weight_decay if _decays(variable, config) else 0.0
            for variable in variables
        ]
        self._factors = [self._factor(variable) for variable in variables]
        self.loss_scale = loss_scale
        self.lookahead = self.average = None
        self.step = counter(0, "step")

    def rate_of(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the rate of update `step` (counted from 0), a float32 scalar."""
        return self._rate(step)

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """Does one update.

        Args:
            gradients: One gradient per variable, summed over the replicas. With a loss
                scale, gradients of the scaled loss; an update with a gradient that is
                not finite is then skipped but counted.
        """
        if self.loss_scale is None:
            self._update_all(gradients)
        else:
            gradients, finite = self.loss_scale.unscale(gradients)
            if finite:
                self._update_all(gradients)
            self.loss_scale.update(finite)
        increment(self.step)

    def start(self) -> None:
        """Lets the followers start from the weights as they are now."""
        for follower in self._followers():
            follower.start()

    def _update_all(self, gradients: list[tf.Tensor]) -> None:
        """Does one update; then the followers follow it."""
        self._update(gradients)
        for follower in self._followers():
            follower.follow()

    def _followers(self) -> list:
        return [each for each in (self.lookahead, self.average) if each is not None]

    def _update(self, gradients: list[tf.Tensor]) -> None:
        raise NotImplementedError

    def _factor(self, variable: keras.Variable) -> float:
        """Returns the factor of the learning rate for a variable."""
        return 1.0 if variable.name == KERNEL else self._config.bias_rate_factor

    def _rates(self) -> list[tf.Tensor]:
        """Returns the learning rate of this update for each variable."""
        rate = self.rate_of(self.step)
        rates = {f: rate if f == 1 else f * rate for f in dict.fromkeys(self._factors)}
        return [rates[factor] for factor in self._factors]

    def _slots(self, name: str) -> list[tf.Variable]:
        return [
            tf.Variable(tf.zeros(variable.shape), trainable=False, name=name)
            for variable in self._variables
        ]


class Momentum(Optimizer):
    """accumulator = m * accumulator + (g + d * w); w = w - rate * accumulator.

    The learning rate is not part of the accumulator, as in TF1, Torch and the papers.
    So a drop of the rate takes effect at once. With `nesterov` the update is
    rate * (g + d * w + m * accumulator). d * w is the gradient of d/2 * sum(w^2).

    Takes the same arguments as `Optimizer`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.accumulators = self._slots("accumulator")

    def _update(self, gradients: list[tf.Tensor]) -> None:
        for variable, accumulator, gradient, decay, rate in zip(
            self._variables,
            self.accumulators,
            gradients,
            self._decays,
            self._rates(),
            strict=True,
        ):
            if decay:
                gradient = gradient + decay * variable
            self._move(variable, accumulator, gradient, rate, self._config.nesterov)

    def _move(
        self,
        variable: tf.Variable,
        accumulator: tf.Variable,
        gradient: tf.Tensor,
        rate: tf.Tensor,
        nesterov: bool,
    ) -> None:
        """Adds a gradient to the accumulator and moves the variable."""
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=accumulator.handle,
            lr=rate,
            grad=gradient,
            momentum=self._config.momentum,
            use_nesterov=nesterov,
        )


class AdamW(Optimizer):
    """Adam with decoupled weight decay, in the form of PyTorch's `AdamW`.

    m = b1 * m + (1 - b1) * g; v = b2 * v + (1 - b2) * g^2; then, with the unbiased
    m' = m / (1 - b1^t) and v' = v / (1 - b2^t), t from 1,
    w = (1 - rate * d) * w - rate * m' / (sqrt(v') + epsilon). b1 is
    `config.momentum`. t does not count updates that the loss scale skips, as with
    PyTorch's `GradScaler`.

    Takes the same arguments as `Optimizer`.

    Reference: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101.
    """

    BETA2, EPSILON = 0.999, 1e-8

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.moments = self._slots("moment")
        self.squares = self._slots("square")
        if self.loss_scale:
            self.updates = counter(0, "updates")

    def _update(self, gradients: list[tf.Tensor]) -> None:
        rates = self._rates()
        beta1, beta2 = self._config.momentum, self.BETA2
        # Without a loss scale every step is an update.
        made = self.updates if self.loss_scale else self.step
        updates = tf.cast(made + 1, tf.float32)
        power1, power2 = tf.pow(beta1, updates), tf.pow(beta2, updates)
        for variable, moment, square, gradient, decay, rate in zip(
            self._variables,
            self.moments,
            self.squares,
            gradients,
            self._decays,
            rates,
            strict=True,
        ):
            if decay:
                _subtract(variable, rate * decay * variable)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=moment.handle,
                v=square.handle,
                beta1_power=power1,
                beta2_power=power2,
                lr=rate,
                beta1=beta1,
                beta2=beta2,
                # The kernel adds epsilon to the biased root.
                epsilon=self.EPSILON * tf.sqrt(1 - power2),
                grad=gradient,
            )
        if self.loss_scale:
            increment(self.updates)


class Muon(Momentum):
    """Nesterov momentum whose step is made orthogonal, for kernels of convolutions.

    accumulator = m * accumulator + g and step = g + m * accumulator. A kernel of a
    convolution is one matrix, (output channels, all the rest). It moves by
    w = (1 - rate * d) * w - rate * scale * orthogonal(step), where scale is
    sqrt(max(1, output channels / rest)). All other variables move by
    w = (1 - r * d) * w - r * step, where r is the rate for the peak `sgd_lr`.

    The scale and the decoupled decay, of both kinds of variables, follow the author's
    https://github.com/KellerJordan/Muon. There, the averaged momentum is another
    multiple of the same step, which `orthogonal` ignores. Airbench
    (https://github.com/KellerJordan/cifar10-airbench) has neither of them, and gives
    each kernel a fixed norm instead.

    Takes the same arguments as `Optimizer`.

    Reference: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """

    def _factor(self, variable: keras.Variable) -> float:
        if _is_filter(variable):
            return 1.0
        return super()._factor(variable) * self._config.sgd_lr / self._config.init_lr

    def _update(self, gradients: list[tf.Tensor]) -> None:
        momentum = self._config.momentum
        for variable, accumulator, gradient, decay, rate in zip(
            self._variables,
            self.accumulators,
            gradients,
            self._decays,
            self._rates(),
            strict=True,
        ):
            if decay:
                _subtract(variable, rate * decay * variable)
            if _is_filter(variable):
                moved = momentum * accumulator + gradient
                tf.raw_ops.AssignVariableOp(resource=accumulator.handle, value=moved)
                step = self._orthogonal(gradient + momentum * moved)
                _subtract(variable, rate * step)
            else:
                self._move(variable, accumulator, gradient, rate, nesterov=True)

    def _orthogonal(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the scaled orthogonal step of a kernel (height, width, in, out)."""
        outputs = step.shape[-1]
        rest = math.prod(step.shape[:-1])
        # The matrix is transposed, and so is its result.
        matrix = orthogonal(tf.reshape(step, (rest, outputs)), self._dtype)
        return max(1.0, outputs / rest) ** 0.5 * tf.reshape(matrix, step.shape)


def counter(value: int, name: str) -> tf.Variable:
    """Returns an int64 variable that all replicas change identically."""
    return tf.Variable(
        value,
        dtype=tf.int64,
        trainable=False,
        name=name,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def increment(variable: tf.Variable) -> None:
    """Adds 1 to a counter."""
    tf.raw_ops.AssignAddVariableOp(
        resource=variable.handle, value=tf.constant(1, tf.int64)
    )


OPTIMIZERS = {"sgd": Momentum, "adamw": AdamW, "muon": Muon}


def _subtract(variable: tf.Variable, value: tf.Tensor) -> None:
    tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=value)


def _is_filter(variable: keras.Variable | tf.Variable) -> bool:
    """Returns whether a variable is the kernel of a convolution."""
    return len(variable.shape) == 4


def _decays(variable: keras.Variable, config: OptimizerConfig) -> bool:
    if config.weight_decay_on == "all" or variable.name == KERNEL:
        return True
    on_head = config.weight_decay_on == "kernels_and_head"
    return on_head and variable.path.endswith(f"{HEAD}/bias")
