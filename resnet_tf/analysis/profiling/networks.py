"""Training and inference loops of a network for measurements."""

import keras
import tensorflow as tf

from resnet_tf.analysis.profiling.turns import Work
from resnet_tf.config import ExperimentConfig
from resnet_tf.models.lanes import side_by_side
from resnet_tf.training.trainer import Trainer


def training(
    config: ExperimentConfig, batches: tf.data.Dataset | None = None
) -> tuple[Work, keras.Model, str]:
    """Returns the training loop, its network, and the name of its kernels.

    The loop's amount counts images.

    Args:
        config: The experiment.
        batches: Endless batches (images (N, H, W, 3), labels (N,)); one batch in
            memory, repeated, if None.
    """
    trainer = Trainer(config, tf.distribute.get_strategy())
    iterator = iter(_one_batch(config) if batches is None else batches)

    def run(steps: int) -> None:
        trainer.run(iterator, tf.constant(steps))
        trainer.metrics.result()

    return Work(run, config.train.train_batch_size), trainer.model, trainer.kernels


def inference(
    model: keras.Model, batch: int, lanes: int = 1, native_kernels: bool = False
) -> Work:
    """Returns the inference loop; its amount counts images.

    Args:
        model: A network with a known image size.
        batch: Number of images in a step.
        lanes: Number of parts of the batch that run in parallel.
        native_kernels: Whether to use the native kernels; see `side_by_side`.
    """
    predict = tf.function(side_by_side(model, lanes, native_kernels))
    images = tf.random.stateless_normal((batch, *model.input_shape[1:]), (0, 0))

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = predict(images)
        logits.numpy()

    return Work(run, batch)


def _one_batch(config: ExperimentConfig) -> tf.data.Dataset:
    batch, side = config.train.train_batch_size, config.data.image_size
    classes = config.model.num_classes
    images = tf.random.stateless_normal((batch, side, side, 3), (0, 0))
    labels = tf.random.stateless_uniform((batch,), (0, 0), 0, classes, tf.int32)
    return tf.data.Dataset.from_tensors((images, labels)).repeat()
