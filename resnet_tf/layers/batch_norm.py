"""Batch normalization with TensorFlow's fused kernel."""

import keras
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers.moments import moments_of
from resnet_tf.layers.moving import move
from resnet_tf.layers.over_replicas import over_replicas
from resnet_tf.layers.vectors import check_channels, filled, missing, widened


@keras.saving.register_keras_serializable(package="resnet_tf")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalization over (N, H, W), one kernel forward and one backward.

    Keras 3 computes the moments and the normalization with separate operations.
    `FusedBatchNormV3` does both in one pass, and TensorFlow's graph rewriter fuses
    a following ReLU into it. Scale, offset and statistics are float32 for every
    dtype of the activations.

    This is a subclass of `keras.layers.BatchNormalization`, so code that looks for
    that class finds it. With `trainable = False` it is frozen as in Keras: it
    normalizes with the moving averages and does not update them. `batch_norms` finds
    batch norms inside blocks.

    In training the moving averages become
    `momentum * old + (1 - momentum) * batch`. Their batch variance is the unbiased
    one: n / (n - 1) times the variance that normalizes the batch, n = N * H * W.
    TensorFlow's kernel returns this variance, and PyTorch uses it too.

    Args:
        momentum: Share of the old moving average that an update keeps, in [0, 1].
        epsilon: Number added to the variance, above 0.
        evaluation: Statistics to use outside training: "moving" for the moving
            averages, "batch" for the batch's own statistics, as in the TF1 original.
        synchronized: Whether training uses the statistics of the batches of all
            replicas of a distribution strategy. This exchanges 2 * C numbers, and
            again in the gradient, and does not use the fused kernel.

    Call arguments:
        inputs: Float tensor of shape (N, H, W, C). In training, the channels that
            `filled` adds can follow the C channels; they become zeros.
        training: If True (and the layer is trainable), normalize with the
            batch's statistics and update the moving averages. Otherwise normalize
            as `evaluation` says and update nothing. A bool tensor is evaluated when
            the graph runs.

    Returns:
        Tensor of the shape and dtype of `inputs`.

    Raises:
        ValueError: If `momentum` or `epsilon` is out of range, `evaluation` is
            unknown, the dtype is float64, or the inputs do not have four dimensions
            or have the wrong number of channels.

    Reference: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        evaluation: str = "moving",
        synchronized: bool = False,
        **kwargs,
    ):
        super().__init__(
            momentum=momentum, epsilon=epsilon, synchronized=synchronized, **kwargs
        )
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], received {momentum}")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, received {epsilon}")
        if evaluation not in ("moving", "batch"):
            raise ValueError(
                f"evaluation must be moving or batch, received {evaluation!r}"
            )
        if self.compute_dtype == "float64":
            raise ValueError(
                "dtype must be float32, mixed_bfloat16 or mixed_float16, received "
                f"{self.dtype_policy.name}: the fused kernel has no float64"
            )
        self.evaluation = evaluation

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(f"inputs must be (N, H, W, C), received {input_shape}")
        self.gamma = self._channel_weight("gamma", self.gamma_initializer, input_shape)
        self.beta = self._channel_weight("beta", "zeros", input_shape)
        self.moving_mean = self._channel_weight(
            "moving_mean", "zeros", input_shape, trainable=False
        )
        self.moving_variance = self._channel_weight(
            "moving_variance", "ones", input_shape, trainable=False
        )

    def _channel_weight(self, name, initializer, input_shape, trainable=True):
        return self.add_weight(
            name=name,
            shape=(input_shape[-1],),
            initializer=initializer,
            dtype="float32",
            trainable=trainable,
            autocast=False,
            aggregation="none" if trainable else "mean",
        )

    @property
    def moves(self) -> bool:
        """Whether training normalizes by the statistics of this batch alone."""
        return self.trainable and not self.synchronized

    def call(self, inputs, training=False, residual=None, relu=False):
        width = inputs.shape[-1]
        if tf.is_tensor(training):
            return tf.cond(
                training,
                lambda: self.call(inputs, True, residual, relu),
                lambda: self.call(inputs, False, residual, relu),
            )
        check_channels(width, self.gamma.shape[0], training)
        training = bool(training) and self.trainable
        if training and not self.synchronized and native.normalizes(inputs):
            return self._native(inputs, residual, relu)
        if relu:
            y = self.call(inputs, training)
            return tf.nn.relu(y if residual is None else y + residual)
        if training and inputs.dtype.size == 2 and missing(width):
            outputs = self._normalized(filled([inputs]), training)
            # The gradient of `outputs[..., :width]` is slower; see
            # docs/performance.md.
            return tf.slice(outputs, [0, 0, 0, 0], [-1, -1, -1, width])
        return self._normalized(inputs, training)

    def vectors(self) -> list[tf.Tensor]:
        """Returns scale, offset, moving mean and moving variance, float32 (C,)."""
        variables = (self.gamma, self.beta, self.moving_mean, self.moving_variance)
        return [tf.convert_to_tensor(variable) for variable in variables]

    def move_averages(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        """Assigns new moving averages, float32 (C,); see `move`."""
        move(self.moving_mean, mean)
        move(self.moving_variance, variance)

    def _native(self, inputs, residual, relu):
        y, mean, variance = native.batch_norm(
            inputs,
            *self.vectors(),
            epsilon=self.epsilon,
            momentum=self.momentum,
            residual=residual,
            relu=relu,
            moments=moments_of(inputs),
        )
        self.move_averages(mean, variance)
        return y

    def _normalized(self, inputs, training):
        channels, width = self.gamma.shape[0], inputs.shape[-1]
        scale, offset, mean, variance = (
            widened(vector, 0, width) for vector in self.vectors()
        )
        if training and self.synchronized:
            outputs = over_replicas(
                inputs, scale, offset, mean, variance, self.epsilon, self.momentum
            )
        else:
            outputs = tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=scale,
                offset=offset,
                mean=mean,
                variance=variance,
                epsilon=self.epsilon,
                exponential_avg_factor=1.0 - self.momentum,
                is_training=training or self.evaluation == "batch",
            )
        y, moving_mean, moving_variance, *_ = outputs
        if training:
            self.move_averages(moving_mean[:channels], moving_variance[:channels])
        return y

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            # The config of Keras's batch norm has arguments that this class lacks.
            **keras.layers.Layer.get_config(self),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "evaluation": self.evaluation,
            "synchronized": self.synchronized,
        }


def batch_norms(model: keras.layers.Layer) -> list[BatchNorm]:
    """Returns all batch norms of a model or a block, at any depth.

    `model.layers` lists only the batch norms outside the blocks.

    Args:
        model: A network of this package, or a model that contains one.
    """
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, BatchNorm)]
