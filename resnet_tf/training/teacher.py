"""Distillation: the outputs of a trained network as targets.

Hinton et al. 2015, https://arxiv.org/abs/1503.02531, section 2.
"""

import tensorflow as tf

from resnet_tf.checkpoints.stored import StoredCheckpoint, opened
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.renormalize import renormalize, require_renormalizable
from resnet_tf.errors import SettingError
from resnet_tf.models import POLICIES
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.models.lanes import side_by_side


class Teacher:
    """A trained network that sees the images of each update, in inference.

    It computes in the precision and the lanes of the run. Its weights do not change,
    and the saved state of the run does not hold them.

    Args:
        config: The experiment, with `train.teacher`.
        native_kernels: Whether to use the package's own kernels.

    Attributes:
        sha256: SHA-256 of the file of its weights, in hexadecimal.

    Raises:
        CheckpointError: If the checkpoint is missing or damaged.
        SettingError: If it was trained for other images or classes, or its
            normalization cannot be computed from the run's.
    """

    def __init__(self, config: ExperimentConfig, native_kernels: bool):
        train = config.train
        self._config = config
        self._stored = stored = opened(train.teacher, "teacher")
        _require_same_task(stored, config)
        self.sha256 = stored.weights.sha256
        model = load_checkpoint(stored, dtype=POLICIES[train.mixed_precision]).model
        run = side_by_side(optimize_for_inference(model), train.lanes, native_kernels)
        # No branch depends on a tensor, and AutoGraph's analysis is slow.
        self._run = tf.autograph.experimental.do_not_convert(run)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Returns the logits for the images of an update, float32 (N, classes).

        Args:
            images: Images as the run's network sees them, float32 (N, H, W, 3).
        """
        images = renormalize(images, self._config.data, self._stored.config.data)
        return tf.stop_gradient(self._run(images))

    def require_classes(self, class_names: tuple[str, ...]) -> None:
        """Raises unless the teacher has learned the classes of the images.

        Args:
            class_names: Names of the classes, in the order of the labels.

        Raises:
            SettingError: If it has learned others, or the same in another order.
        """
        learned = self._stored.metrics.get("class_names") or class_names
        for label, names in enumerate(zip(learned, class_names, strict=True)):
            theirs, ours = names
            if theirs != ours:
                raise SettingError(
                    f"class {label} of the teacher must be the data's, {ours!r}, "
                    f"received {theirs!r}"
                )

    def lines(self) -> list[str]:
        """Returns lines for the start of a run: the teacher and the printed loss."""
        train, theirs = self._config.train, self._stored.config
        share, temperature = train.teacher_share, train.teacher_temperature
        lines = [
            f"teacher {train.teacher}: {theirs.model.title}, SHA-256 "
            f"{self.sha256[:16]} | the training loss is {1 - share:.4g} * cross-entropy"
            f" + {share:g} * {temperature:g}^2 * KL at temperature {temperature:g}"
        ]
        held_out = self._config.data.validation_size or 0
        if (missing := held_out - (theirs.data.validation_size or 0)) > 0:
            lines.append(
                f"the teacher was trained on {missing:,} of the {held_out:,} "
                "validation images: the validation error favors this run"
            )
        return lines


def distilled(
    losses: tf.Tensor,
    logits: tf.Tensor,
    taught: tf.Tensor,
    share: float,
    temperature: float,
) -> tf.Tensor:
    """Returns the loss of each image with the teacher's share, float32 (N,).

    It is (1 - share) * loss + share * T^2 * KL(teacher || network), with both softmax
    functions at temperature T. The factor T^2 keeps the size of the gradient.

    Args:
        losses: Cross-entropy of each image, float32 (N,).
        logits: Logits of the network in training, float32 (N, classes).
        taught: Logits of the teacher, float32 (N, classes).
        share: Share of the teacher, in (0, 1].
        temperature: T, above 0.
    """
    ours = tf.nn.log_softmax(logits / temperature)
    theirs = tf.nn.log_softmax(taught / temperature)
    divergence = tf.reduce_sum(tf.exp(theirs) * (theirs - ours), axis=-1)
    return (1 - share) * losses + share * temperature**2 * divergence


def _require_same_task(stored: StoredCheckpoint, config: ExperimentConfig) -> None:
    """Raises unless a checkpoint can teach in an experiment."""
    theirs, name = stored.config, config.train.teacher
    for what, ours, found in (
        ("dataset", config.data.dataset, theirs.data.dataset),
        ("num_classes", config.model.num_classes, theirs.model.num_classes),
        ("image_size", config.data.image_size, theirs.data.image_size),
    ):
        if found != ours:
            raise SettingError(
                f"teacher must have {what}={ours} like this training, received "
                f"{name} with {what}={found}"
            )
    require_renormalizable(config.data, theirs.data)
