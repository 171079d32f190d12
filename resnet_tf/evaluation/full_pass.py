"""Runs one pass over a split: every image once, for any batch size."""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.checkpoints.stored import StoredCheckpoint
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import normalize
from resnet_tf.data.split import Split
from resnet_tf.errors import DivergedError
from resnet_tf.evaluation.counts import wilson_interval
from resnet_tf.evaluation.tta import Tta, views
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.models.lanes import side_by_side


@dataclass(frozen=True)
class Result:
    """The outputs of a network for a split.

    Attributes:
        split: Name of the split.
        logits: float32 array (n, classes), in the order of the split.
        labels: int32 array (n,).
        class_names: One name per class.
    """

    split: str
    logits: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def predictions(self) -> np.ndarray:
        """Most probable class of each image, integer array (n,)."""
        return self.logits.argmax(axis=1)

    @property
    def error(self) -> float:
        """Share of wrongly classified images, in percent."""
        return 100 * self._errors / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the error, in percent."""
        return wilson_interval(self._errors, self.n)

    @property
    def losses(self) -> np.ndarray:
        """Cross-entropy of each image in nats, float64 (n,)."""
        logits = self.logits.astype(np.float64)
        peak = logits.max(axis=1)
        total = peak + np.log(np.exp(logits - peak[:, np.newaxis]).sum(axis=1))
        return total - logits[np.arange(self.n), self.labels]

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(self.losses.mean())

    @property
    def per_class_error(self) -> dict[str, float | None]:
        """Error of each class in percent; None for a class without images."""
        wrong = self.predictions != self.labels
        errors = {}
        for label, name in enumerate(self.class_names):
            members = wrong[self.labels == label]
            errors[name] = 100 * float(members.mean()) if len(members) else None
        return errors

    def to_dict(self) -> dict[str, Any]:
        """Returns the figures, without the logits, for a JSON file.

        `split`, `n`, `error` (percent), `interval` (95 % Wilson, percent), `loss`
        and `per_class_error` (percent by class name).
        """
        return {
            "split": self.split,
            "n": self.n,
            "error": self.error,
            "interval": list(self.interval),
            "loss": self.loss,
            "per_class_error": self.per_class_error,
        }

    @property
    def _errors(self) -> int:
        return int((self.predictions != self.labels).sum())


class FullPass:
    """Runs a model over whole splits in one compiled function.

    Args:
        model: Network from images to logits; its current weights are used.
        config: Preparation of the images for the model.
        lanes: Number of parts of a batch that run in parallel.
        native_kernels: Whether to use the native kernels; see `side_by_side`.
        tta: Test-time augmentation; see `views`.
    """

    def __init__(
        self,
        model: keras.Model,
        config: DataConfig,
        lanes: int = 1,
        native_kernels: bool = False,
        tta: Tta = "none",
    ):
        self._config = config
        self._tta: Tta = tta
        self._function = side_by_side(model, lanes, native_kernels)

    def __call__(self, split: Split, batch_size: int) -> Result:
        """Returns the result of one pass in batches of `batch_size`."""
        logits = self.logits(split.images, batch_size)
        return Result(split.name, logits, split.labels, split.class_names)

    def prepared_as(self, config: DataConfig) -> "FullPass":
        """Returns the same pass with another preparation of the images.

        The compiled function is shared.

        Args:
            config: Preparation of the images, with the same `image_size`.
        """
        self._predict  # noqa: B018  (traced here, for both)
        other = copy.copy(self)
        other._config = config
        return other

    @functools.cached_property
    def _predict(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The compiled function from images (N, side, side, 3) to logits.

        It is one concrete function: if each pass of a process traced its own function,
        TensorFlow would warn about retracing.
        """
        side = self._config.image_size
        images = tf.TensorSpec((None, side, side, 3))
        # No branch or loop depends on a tensor.
        function = tf.function(self._function, autograph=False)
        return function.get_concrete_function(images)

    def logits(self, images: np.ndarray, batch_size: int) -> np.ndarray:
        """Returns the logits of images, float32 array (N, classes).

        Args:
            images: uint8 array (N, side, side, 3) with any side and N above 0.
            batch_size: Number of images in a batch.
        """
        batches = (
            normalize(images[start : start + batch_size], self._config)
            for start in range(0, len(images), batch_size)
        )
        return np.concatenate([self._mean(batch) for batch in batches])

    def _mean(self, images: tf.Tensor) -> np.ndarray:
        """Returns the weighted mean of the logits over the views of images."""
        seen = views(images, self._tta)
        return functools.reduce(
            np.add, (weight * self._predict(view).numpy() for weight, view in seen)
        )


def finite(logits: np.ndarray, images: str = "the images") -> np.ndarray:
    """Returns the logits unchanged, after checking that all are finite.

    Even finite weights can overflow; figures from such logits would be meaningless.

    Args:
        logits: Float array (N, classes).
        images: Name of the images in the error message.

    Raises:
        DivergedError: If a logit is not finite.
    """
    right = np.isfinite(logits).all(axis=1)
    if not right.all():
        first = int(right.argmin())
        raise DivergedError(
            f"the network's outputs must be finite, received "
            f"{logits[first][~np.isfinite(logits[first])][0]} for image {first} of "
            f"{images}; such outputs for {int((~right).sum())} of {len(right)} images"
        )
    return logits


def checkpoint_pass(
    source: Path | StoredCheckpoint,
    config: DataConfig,
    dtype: str = "float32",
    lanes: int = 1,
    tta: Tta = "none",
) -> FullPass:
    """Returns the pass of a checkpoint's network, optimized for inference.

    Args:
        source: A checkpoint folder, or an open checkpoint.
        config: Preparation of the images.
        dtype: Keras dtype policy of the network.
        lanes: See `FullPass`; ignored on a GPU, which one lane keeps busy.
        tta: See `FullPass`.

    Raises:
        CheckpointError: If the checkpoint is damaged or inconsistent.
    """
    model = optimize_for_inference(load_checkpoint(source, dtype=dtype).model)
    gpu = tf.config.list_physical_devices("GPU")
    lanes = 1 if gpu else lanes
    return FullPass(model, config, lanes, native_kernels=True, tta=tta)
