"""Loads trained weights by name into a network that classifies images."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resnet_tf.checkpoints.stored import StoredCheckpoint, opened
from resnet_tf.config import DATASETS, ExperimentConfig, positive
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.evaluation.calibration import softmax, stated_temperature
from resnet_tf.startup import import_tensorflow

if TYPE_CHECKING:
    import keras

    from resnet_tf.checkpoints.weights import Checkpoint
    from resnet_tf.evaluation.full_pass import FullPass


@dataclass(frozen=True)
class Pretrained:
    """A trained network with everything needed to use it.

        pretrained = resnet_tf.load_pretrained("model_20")
        shares = pretrained.predict_images(images)
        print(pretrained.class_names[shares[0].argmax()])

    Attributes:
        model: Network from normalized images to logits.
        config: Settings of the experiment that trained the weights.
        metrics: Content of the checkpoint's `metrics.json`.
        class_names: One name per class, from `metrics`, else from the data set, else
            the labels as text.
    """

    model: keras.Model
    config: ExperimentConfig
    metrics: dict[str, Any]
    class_names: tuple[str, ...]

    @property
    def temperature(self) -> float | None:
        """The temperature by which logits are divided; None if it was not fitted."""
        return stated_temperature(self.metrics)

    def predict_images(self, images: np.ndarray, batch_size: int = 250) -> np.ndarray:
        """Returns the probability of each class, calibrated if there is a temperature.

        The images are prepared as in evaluation: the largest central square is resized,
        cropped and normalized according to `config.data`. The first call compiles a
        copy of the network, optimized for inference; later changes of the weights have
        no effect.

        Args:
            images: uint8 array (N, H, W, 3), RGB.
            batch_size: Number of images in a batch; the result does not depend on it,
                except with `bn_eval="batch"`.

        Returns:
            float32 array (N, classes); each row sums to 1.

        Raises:
            DivergedError: If an output of the network is not finite.
            SettingError: If the images have another type or shape, or `batch_size`
                is below 1.
        """
        _require_images(images)
        batch_size = positive("batch_size", batch_size)
        from resnet_tf.evaluation.full_pass import finite

        logits = self._full_pass.logits(_central_square(images), batch_size)
        finite(logits)
        return softmax(logits, self.temperature or 1.0).astype(np.float32)

    @functools.cached_property
    def _full_pass(self) -> FullPass:
        from resnet_tf.evaluation.full_pass import FullPass
        from resnet_tf.models.inference import optimize_for_inference

        model = optimize_for_inference(self.model)
        return FullPass(model, self.config.data, native_kernels=True)


def load_pretrained(
    name: str | Path | StoredCheckpoint, dtype: str = "float32"
) -> Pretrained:
    """Returns a network with its trained weights, after verifying the checkpoint.

    Args:
        name: A released model's name, a checkpoint folder, a run folder, or an open
            checkpoint.
        dtype: Keras dtype policy of the network: "float32", "mixed_bfloat16" or
            "mixed_float16".

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        SettingError: If `dtype` is unknown.
    """
    stored = opened(name)
    # A damaged checkpoint is reported before the slow import of TensorFlow.
    import_tensorflow()
    from resnet_tf.checkpoints.weights import load_checkpoint
    from resnet_tf.models import POLICIES

    if dtype not in POLICIES.values():
        known = ", ".join(POLICIES.values())
        raise SettingError(f"dtype must be one of {known}, received {dtype!r}")
    found = load_checkpoint(stored, dtype=dtype)
    stated_temperature(found.metrics)
    return Pretrained(found.model, found.config, found.metrics, _names(found))


def _names(checkpoint: Checkpoint) -> tuple[str, ...]:
    config, stated = checkpoint.config, checkpoint.metrics.get("class_names")
    if stated is None:
        known = DATASETS[config.data.dataset].class_names
        return known or tuple(map(str, range(config.model.num_classes)))
    if len(stated) != config.model.num_classes:
        raise CheckpointError(
            f"class_names in metrics.json must be {config.model.num_classes}, received "
            f"{len(stated)}"
        )
    return tuple(stated)


def _require_images(images: Any) -> None:
    received = type(images).__name__
    if isinstance(images, np.ndarray):
        received = f"{images.dtype} {images.shape}"
        right = images.dtype == np.uint8 and images.ndim == 4 and images.size
        if right and images.shape[-1] == 3:
            return
    raise SettingError(
        "images must be a uint8 array (N, H, W, 3) with N, H and W above 0, received "
        + received
    )


def _central_square(images: np.ndarray) -> np.ndarray:
    """Returns the largest central square, as for the images of a folder."""
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]
