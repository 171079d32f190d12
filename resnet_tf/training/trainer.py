"""The training step, and the compiled function that runs many steps per call."""

import hashlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.config import HEAD, ExperimentConfig
from resnet_tf.layers import BatchNorm, dropout_seed, step_seed
from resnet_tf.layers.moving import moved_once
from resnet_tf.models import POLICIES, build_model
from resnet_tf.native import computing
from resnet_tf.training.accumulate import accumulated
from resnet_tf.training.followers import Average, Lookahead
from resnet_tf.training.kernels import TENSORFLOW, take_kernels
from resnet_tf.training.loss_scale import LossScale
from resnet_tf.training.optimizer import OPTIMIZERS
from resnet_tf.training.running_sums import RunningSums
from resnet_tf.training.teacher import Teacher, distilled


class Trainer:
    """Owns the variables of a run and the function that updates them.

    Args:
        config: The experiment; its seed determines the initial weights.
        strategy: Strategy that places the variables and runs the step.
        workers: Number of processes that do each update together.

    Attributes:
        model: The network in training.
        reported: The network that reports validate, show and save: `model`, or with
            `ema_decay` one with the averaged weights.
        optimizer: The optimizer; `optimizer.step` counts the updates.
        metrics: Running sums since the last report.
        kernels: Name of the kernels, e.g. "tensorflow" or "native_avx512".
        teacher: The teacher, or None without distillation.

    Raises:
        CheckpointError: If the teacher is missing or damaged.
        SettingError: If the kernels that `train.kernels` names cannot run here, or the
            teacher was trained for another task.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        workers: int = 1,
    ):
        train = config.train
        self.kernels = take_kernels(train)
        self._config = config
        self._strategy = strategy
        keras.utils.set_random_seed(train.seed)
        with strategy.scope():
            self.model = self._network()
            if train.sync_batch_norm and strategy.num_replicas_in_sync > 1:
                _synchronize(self.model)
            scaled = train.mixed_precision == "float16"
            self.optimizer = OPTIMIZERS[config.optimizer.optimizer](
                self.model.trainable_variables,
                config.optimizer,
                train.train_steps,
                LossScale() if scaled else None,
                tf.bfloat16 if train.mixed_precision == "bfloat16" else tf.float32,
            )
            self.metrics = RunningSums()
            self.reported = self._follow()
            # After the network, whose initial values depend on the order.
            native = self.kernels != TENSORFLOW
            self.teacher = Teacher(config, native) if train.teacher else None
        # The loop reads it on the host before every update.
        with tf.device("CPU:0"):
            self._stop = tf.Variable(False, trainable=False, name="stop")
            self._wish = tf.Variable(False, trainable=False, name="wish")
        self._together = workers > 1
        self._variables = [v.value for v in self.model.trainable_variables]
        self._replica_step = self._callable(scaled)

    def _network(self) -> keras.Model:
        """Returns a new network."""
        train = self._config.train
        model = build_model(
            self._config.model,
            dtype=POLICIES[train.mixed_precision],
            input_shape=self._config.image_shape,
        )
        if train.freeze == "backbone":
            _freeze_backbone(model)
        return model

    def _follow(self) -> keras.Model:
        """Adds the followers of the weights and returns the network of the reports.

        The averages are the weights of a second network. So the weights in training
        are never exchanged, and a kill or a signal finds them as they are.
        """
        optimizer, settings = self.optimizer, self._config.optimizer
        if settings.lookahead:
            variables = [v.value for v in self.model.trainable_variables]
            optimizer.lookahead = Lookahead(variables, settings)
        if not settings.ema_decay:
            return self.model
        averaged = self._network()
        weights, averages = (
            [weight.value for weight in model.weights]
            for model in (self.model, averaged)
        )
        optimizer.average = Average(weights, averages, settings)
        return averaged

    def _callable(self, scaled: bool) -> Callable[[tf.Tensor, tf.Tensor], None]:
        """Returns the step as a function that `run` can call.

        A graph function inside the graph of `run` makes a deep network slower to trace.
        So the step is a graph function only for XLA, for several replicas, and for the
        loss scale, whose branch depends on a tensor.
        """
        jit = self._config.train.jit_compile
        if jit or scaled or self._strategy.num_replicas_in_sync > 1:
            return tf.function(
                self._step, autograph=scaled, jit_compile=True if jit else None
            )
        return tf.autograph.experimental.do_not_convert(self._step)

    @tf.function(reduce_retracing=True)
    def run(self, batches, steps: tf.Tensor) -> tf.Tensor:
        """Does `steps` updates without returning to Python between them.

        Args:
            batches: Iterator over (images (N, H, W, 3), labels (N,) or targets
                (N, classes)).
            steps: int32 scalar, at least 1.

        Returns:
            Number of updates done, int32 scalar; less than `steps` after `ask_to_stop`.
        """
        done = tf.constant(0)
        while tf.logical_and(done < steps, tf.logical_not(self._stop)):
            self._strategy.run(self._replica_step, args=next(batches))
            done += 1
        return done

    def ask_to_stop(self) -> None:
        """Makes `run` end before its next update.

        Any thread can call this. With several workers, all of them end before the same
        update.
        """
        (self._wish if self._together else self._stop).assign(True)

    def prepare(self, batches) -> tf.Graph:
        """Builds and returns the graph of `run`, without doing an update."""
        return self.run.get_concrete_function(batches, tf.constant(1)).graph

    def not_finite(self) -> str | None:
        """Returns the path of the first weight in training that is not finite, or None.

        Averages and slow weights are finite as long as these weights are.
        """
        for weight in self.model.weights:
            if not np.isfinite(weight.value.numpy()).all():
                return weight.path
        return None

    def sha256(self) -> str:
        """Returns the SHA-256 of the bytes of all reported weights, in hexadecimal."""
        digest = hashlib.sha256()
        for weight in self.reported.weights:
            digest.update(weight.value.numpy().tobytes())
        return digest.hexdigest()

    def _step(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        batch, parts = (images, labels), self._config.train.accumulate
        if parts == 1:
            gradients = self._gradients(*batch)
        else:
            loop = not self._config.train.sync_batch_norm
            gradients = accumulated(self._gradients, batch, parts, loop)
        self.optimizer.apply(self._summed(gradients))

    def _gradients(
        self, images: tf.Tensor, labels: tf.Tensor, part: int | tf.Tensor = 0
    ) -> list[tf.Tensor]:
        """Returns the gradients of these images' share of the loss.

        The loss is scaled if there is a loss scale. Also adds the images to the
        metrics.

        Args:
            images: Float tensor (N, H, W, 3).
            labels: Labels (N,) or targets (N, classes).
            part: Index of the micro-batch, from 0.
        """
        optimizer = self.optimizer
        taught = self.teacher(images) if self.teacher else None
        # Set here, not around the loop: a strategy runs this in its own threads.
        with computing(self.kernels != TENSORFLOW), tf.GradientTape() as tape:
            logits = self._logits(images, part)
            losses = self._losses(labels, logits, taught)
            loss = tf.reduce_sum(losses) / self._config.train.train_batch_size
            if optimizer.loss_scale:
                loss = optimizer.loss_scale.scale(loss)
        self.metrics.add(losses, labels, logits)
        return tape.gradient(loss, self._variables)

    def _summed(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the gradients summed over the replicas.

        With several workers, it also combines the requests to stop: a worker that
        stopped alone would block the rest.
        """
        if self._strategy.num_replicas_in_sync == 1 and not self._together:
            return gradients
        all_reduce = tf.distribute.get_replica_context().all_reduce
        if not self._together:
            return all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        wish = tf.cast(self._wish, tf.float32)
        *gradients, wishes = all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, wish])
        self._stop.assign(wishes > 0)
        return gradients

    def _logits(self, images: tf.Tensor, part: int | tf.Tensor = 0) -> tf.Tensor:
        """Returns the logits (N, classes) of a micro-batch, computed lane by lane."""
        lanes = self._config.train.lanes
        if lanes == 1:
            return self._lane_logits(images, part)
        with moved_once():
            logits = [
                self._lane_logits(share, part * lanes + lane)
                for lane, share in enumerate(tf.split(images, lanes))
            ]
        return tf.concat(logits, axis=0)

    def _lane_logits(self, images: tf.Tensor, lane: int | tf.Tensor) -> tf.Tensor:
        """Returns the logits of one lane.

        The masks of dropout and of stochastic depth depend on the seed, the step, the
        replica, and the index of the lane among the lanes of all micro-batches.
        """
        if not self._config.model.draws:
            return self.model(images, training=True)
        train = self._config.train
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        part = replica * train.accumulate * train.lanes + lane
        with dropout_seed(step_seed(train.seed, self.optimizer.step, part)):
            return self.model(images, training=True)

    def _losses(
        self, labels: tf.Tensor, logits: tf.Tensor, taught: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the loss of each image, (N,), with the logits of the teacher."""
        losses = self._cross_entropy(labels, logits)
        if taught is None:
            return losses
        train = self._config.train
        share, temperature = train.teacher_share, train.teacher_temperature
        return distilled(losses, logits, taught, share, temperature)

    def _cross_entropy(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Returns the cross-entropy of each image, (N,)."""
        smoothing = self._config.optimizer.label_smoothing
        if labels.shape.rank == 1 and not smoothing:
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        classes = logits.shape[-1]
        if labels.shape.rank == 1:
            labels = tf.one_hot(labels, classes)
        targets = labels * (1 - smoothing) + smoothing / classes
        return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def _freeze_backbone(model: keras.Model) -> None:
    """Freezes all layers but the dense head; batch norm uses its moving averages."""
    for layer in model.layers:
        layer.trainable = layer.name == HEAD


def _synchronize(model: keras.Model) -> None:
    """Makes batch norm compute its statistics over all replicas."""
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNorm):
            layer.synchronized = True
