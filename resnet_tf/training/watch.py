"""Pictures and distributions of a run in TensorBoard, next to its numbers.

Nothing here changes the run: what it shows is computed from the weights as they are,
with the moving averages of batch norm.
"""

import functools
from collections import defaultdict
from collections.abc import Callable

import keras
import tensorflow as tf

from resnet_tf.config import ExperimentConfig
from resnet_tf.data.pipeline import normalize, prepare
from resnet_tf.data.split import Split
from resnet_tf.data.visible import visible
from resnet_tf.evaluation.full_pass import Result
from resnet_tf.evaluation.statistics import confusion_matrix
from resnet_tf.reporting.confusion import confusion_picture
from resnet_tf.reporting.figure import picture_or_note
from resnet_tf.reporting.tensorboard import TensorBoard

_SHOWN, _GRADIENT_IMAGES = 16, 64


class Watch:
    """Shows a run while it lasts.

    Args:
        board: Where it is shown.
        model: The network that is trained.
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
        """Shows settings, graph and images as the first update sees them.

        Args:
            graph: Of the updates.
        """
        self._board.settings(self._config.flat())
        self._board.graph(graph)
        data, seed = self._config.data, self._config.train.seed
        seen, _ = prepare(
            self._images.images[:_SHOWN],
            tf.constant(self._images.labels[:_SHOWN]),
            data,
            seed,
            tf.constant(0, tf.int64),
            self._config.model.num_classes,
        )
        self._board.images("augmented", visible(seen, data), 0)

    def report(self, step: int) -> None:
        """Shows the gradient of each block and the distribution of each gamma.

        The gradient is that of the mean cross-entropy of the first training images,
        not augmented; its norm is that of all weights of a block.
        """
        self._board.scalars(self._gradient_norms(), step)
        gammas = {
            f"gamma/{weight.path}": weight.numpy()
            for weight in self._model.weights
            if weight.name == "gamma"
        }
        self._board.histograms(gammas, step)

    def end(self, result: Result, step: int) -> None:
        """Shows what the network makes of the validation images."""
        classes = self._config.model.num_classes
        matrix = confusion_matrix(result.labels, result.predictions, classes)
        title = f"{result.split}, n = {result.n:,}"
        with picture_or_note("the confusion matrix"):
            picture = confusion_picture(matrix, result.class_names, title)
            self._board.images("confusion", picture, step)

    def _gradient_norms(self) -> dict[str, float]:
        """Returns the norm of each block's gradient by the block's name."""
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

        The first report does not wait for a graph, which takes longer to build than
        a few gradients take without one.

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
