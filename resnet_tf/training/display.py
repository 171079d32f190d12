"""The output of a run: its first lines, its progress, and its pictures in TensorBoard.

Nothing here changes the run. The pictures are computed from the current weights, with
the moving averages of batch norm.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Callable

import keras
import tensorflow as tf

from resnet_tf.config import ExperimentConfig
from resnet_tf.data.pipeline import flips, normalize, prepare
from resnet_tf.data.split import Split
from resnet_tf.data.visible import visible
from resnet_tf.evaluation.counts import confusion_matrix
from resnet_tf.evaluation.full_pass import Result
from resnet_tf.machine import has_bfloat16
from resnet_tf.native import reason
from resnet_tf.reporting.confusion import confusion_picture
from resnet_tf.reporting.figure import picture_or_note
from resnet_tf.reporting.progress import Progress
from resnet_tf.reporting.tensorboard import TensorBoard
from resnet_tf.runs.history import Row
from resnet_tf.training.kernels import TENSORFLOW, kernels_title

_SHOWN, _GRADIENT_IMAGES = 16, 64


def announcement(
    model: keras.Model, config: ExperimentConfig, sizes: tuple[int, int]
) -> list[str]:
    """Returns the first lines of a run: network, data, and warnings of likely mistakes.

    Args:
        model: The network.
        config: The experiment.
        sizes: Number of training images and of validation images.
    """
    train, optimizer = config.train, config.optimizer
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    frozen = " to train" if train.freeze != "none" else ""
    lines = [
        f"{model.name}: {trained:,} parameters{frozen} | {config.data.dataset}: "
        f"{sizes[0]:,} training and {sizes[1]:,} validation images | "
        f"{train.mixed_precision}, {kernels_title(train.kernels)}"
    ]
    if optimizer.schedule == "step" and train.train_steps <= optimizer.decay_step0:
        lines.append(
            f"the rate never drops: decay_step0={optimizer.decay_step0} is not "
            f"below train_steps={train.train_steps}"
        )
    if train.mixed_precision == "bfloat16" and _on_slow_cpu():
        lines.append(
            "this CPU has no instructions for bfloat16: "
            "--mixed_precision=float32 is several times as fast"
        )
    why = (
        train.kernels == TENSORFLOW and train.mixed_precision == "float32" and reason()
    )
    if why and not tf.config.list_physical_devices("GPU"):
        lines.append(f"the native kernels, which are faster, cannot compute: {why}")
    return lines


def _on_slow_cpu() -> bool:
    """Returns whether bfloat16 is slow here: no GPU, and no CPU instructions for it."""
    return not tf.config.list_physical_devices("GPU") and not has_bfloat16()


class Pictures:
    """Writes images, gradients and distributions of a run to TensorBoard.

    Args:
        board: The TensorBoard log to write.
        model: The network of the reports.
        config: The experiment.
        images: The training images.
    """

    def __init__(
        self,
        board: TensorBoard,
        model: keras.Model,
        config: ExperimentConfig,
        images: Split,
    ):
        self._board = board
        self._model = model
        self._config = config
        self._images = images
        self._reported = False

    def begin(self, graph: tf.Graph) -> None:
        """Writes the settings, the graph, and images as augmented for the first update.

        Args:
            graph: Graph of the updates.
        """
        self._board.settings(self._config.flat())
        self._board.graph(graph)
        data, seed = self._config.data, self._config.train.seed
        shown = self._images.part("train", 0, _SHOWN)
        first = tf.constant(0, tf.int64)
        turned = flips(data, len(self._images), seed)
        seen, _ = prepare(
            shown.images,
            tf.constant(shown.labels),
            data,
            seed,
            first,
            self._config.model.num_classes,
            mirrored=turned and turned(tf.range(len(shown)), first),
        )
        self._board.images("augmented", visible(seen, data), 0)

    def report(self, step: int) -> None:
        """Writes the gradient norm of each block and the distribution of each gamma.

        The gradient is of the mean cross-entropy of the first training images, without
        augmentation. Its norm is over all weights of a block.
        """
        self._board.scalars(self._gradient_norms(), step)
        gammas = {
            f"gamma/{weight.path}": weight.numpy()
            for weight in self._model.weights
            if weight.name == "gamma"
        }
        self._board.histograms(gammas, step)

    def end(self, result: Result, step: int) -> None:
        """Writes the confusion matrix of the validation images."""
        classes = self._config.model.num_classes
        matrix = confusion_matrix(result.labels, result.predictions, classes)
        title = f"{result.split}, n = {result.n:,}"
        with picture_or_note("the confusion matrix"):
            picture = confusion_picture(matrix, result.class_names, title)
            self._board.images("confusion", picture, step)

    def _gradient_norms(self) -> dict[str, float]:
        """Returns the gradient norm of each block, keyed by the block's name."""
        images = normalize(self._images.images[:_GRADIENT_IMAGES], self._config.data)
        labels = tf.constant(self._images.labels[:_GRADIENT_IMAGES])
        squares: dict[str, float] = defaultdict(float)
        for variable, square in zip(
            self._model.trainable_variables,
            self._squares(images, labels).numpy(),
            strict=True,
        ):
            block = variable.path.partition("/")[0]
            squares[f"gradient/{block}"] += float(square)
        return {name: square**0.5 for name, square in squares.items()}

    def _squares(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns the squared norm of the gradient of each trainable variable.

        The first report runs without a graph: building one takes longer than computing
        a few gradients eagerly.

        Args:
            images: float32 tensor (N, side, side, 3), normalized.
            labels: int32 tensor (N,).

        Returns:
            float32 tensor (variables,).
        """
        function = self._compiled_squares if self._reported else self._eager_squares
        self._reported = True
        return function(images, labels)

    @functools.cached_property
    def _compiled_squares(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        side = self._config.data.image_size
        return tf.function(self._eager_squares, autograph=False).get_concrete_function(
            tf.TensorSpec((None, side, side, 3)), tf.TensorSpec((None,), tf.int32)
        )

    def _eager_squares(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        weights = [v.value for v in self._model.trainable_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = self._model(images, training=False)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        gradients = tape.gradient(loss, weights)
        return tf.stack([2 * tf.nn.l2_loss(gradient) for gradient in gradients])


class Display:
    """The display of a worker other than the chief: it shows nothing."""

    def begin(self, graph: tf.Graph) -> None:
        """Called before the first update, with the graph of the updates."""

    def moved(self, step: int, images_per_second: float) -> None:
        """Called between two reports."""

    def report(self, row: Row, result: Result | None) -> None:
        """Called after a report is saved; the last report comes with its result."""

    def close(self) -> None:
        """Called after the last update."""


class ChiefDisplay(Display):
    """The display of the chief: TensorBoard and progress lines.

    Args:
        board: The TensorBoard log.
        pictures: Pictures to write to TensorBoard in addition to the reports.
        progress: The progress lines.
    """

    def __init__(self, board: TensorBoard, pictures: Pictures, progress: Progress):
        self._board = board
        self._pictures = pictures
        self._progress = progress

    def begin(self, graph: tf.Graph) -> None:
        self._pictures.begin(graph)

    def moved(self, step: int, images_per_second: float) -> None:
        self._progress.moved(step, images_per_second)

    def report(self, row: Row, result: Result | None) -> None:
        self._board.append(row)
        self._pictures.report(row.step)
        if result:
            self._pictures.end(result, row.step)
        self._progress.report(row)

    def close(self) -> None:
        self._board.close()
