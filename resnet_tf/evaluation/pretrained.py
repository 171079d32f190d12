"""From the name of trained weights to a network that names what is in images."""

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
    """A trained network with all that using it takes.

        pretrained = resnet_tf.load_pretrained("model_20")
        shares = pretrained.predict_images(images)
        print(pretrained.class_names[shares[0].argmax()])

    Attributes:
        model: The network, from normalised images to logits.
        config: The experiment that made the weights.
        metrics: What the checkpoint's `metrics.json` says of them.
        class_names: One name a class: those in `metrics`, else those of the data set,
            else the labels as text.
    """

    model: keras.Model
    config: ExperimentConfig
    metrics: dict[str, Any]
    class_names: tuple[str, ...]

    @property
    def temperature(self) -> float | None:
        """What logits are divided by so that probabilities can be trusted; None if it
        was not fitted."""
        return stated_temperature(self.metrics)

    def predict_images(self, images: np.ndarray, batch_size: int = 250) -> np.ndarray:
        """Returns the probability of each class, calibrated if there is a temperature.

        The images are prepared as in evaluation: the largest central square, resized
        and cropped as `config.data` says, and normalised. The first call compiles the
        network, optimised for inference; it keeps the weights of then.

        Args:
            images: uint8 array (N, H, W, 3), RGB.
            batch_size: Images in a batch; the result does not depend on it, unless
                the network was told to (`bn_eval="batch"`).

        Returns:
            float32 array (N, classes), each row of sum 1.

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
    """Returns trained weights, verified, in their network.

    Args:
        name: A released model's name, a checkpoint folder, a run folder, or a
            checkpoint that is open.
        dtype: Keras dtype policy of the network: "float32", "mixed_bfloat16" or
            "mixed_float16".

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        SettingError: If `dtype` is unknown.
    """
    stored = opened(name)
    # Here and not above: TensorFlow is not needed to say that a checkpoint is damaged.
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
    """Returns the largest one, as it is taken of a folder's images."""
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images[:, top : top + side, left : left + side]
