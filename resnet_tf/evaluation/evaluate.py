"""Evaluates a checkpoint on a split of its data set."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_tf.checkpoints.stored import StoredCheckpoint, opened
from resnet_tf.config import DataConfig, ExperimentConfig, TrainConfig, positive
from resnet_tf.config.train import Precision
from resnet_tf.data.sources import (
    ensure_available,
    load_split,
    require_classes,
    require_split,
)
from resnet_tf.data.split import Split, SplitName
from resnet_tf.errors import DataError
from resnet_tf.evaluation.tta import Tta, require_mirrors, require_tta
from resnet_tf.startup import import_tensorflow, one_thread_an_operation

if TYPE_CHECKING:
    from resnet_tf.evaluation.full_pass import FullPass, Result

_PREPROCESSING = "image_size resize normalization channel_mean channel_std".split()


@dataclass(frozen=True)
class Subject:
    """A checkpoint that is ready to evaluate.

    Attributes:
        stored: The open checkpoint.
        data: Location of its data set on this machine, and preparation of the images.
        train: Settings with `test_batch_size` and `mixed_precision` of the passes.
        lanes: Number of parts of a batch that run in parallel; see `FullPass`.
        tta: Test-time augmentation; see `views`.
    """

    stored: StoredCheckpoint
    data: DataConfig
    train: TrainConfig
    lanes: int
    tta: Tta = "none"

    @property
    def folder(self) -> Path:
        """The folder of the checkpoint."""
        return self.stored.folder

    @property
    def config(self) -> ExperimentConfig:
        """The settings of the checkpoint."""
        return self.stored.config

    def images(self, split: SplitName) -> Split:
        """Returns the images of a split.

        Raises:
            DataError: If there are no images, or their classes are not the network's.
        """
        names = self.stored.metrics.get("class_names")
        images = load_split(self.data, split)
        if len(images) == 0:
            raise DataError(f"split {split} of {self.folder} holds no images")
        require_classes(images, self.config.model.num_classes, names)
        return images

    @functools.cached_property
    def full_pass(self) -> FullPass:
        """The evaluation pass of the checkpoint's network.

        Raises:
            CheckpointError: If the weights are damaged.
        """
        from resnet_tf.evaluation.full_pass import checkpoint_pass
        from resnet_tf.models import POLICIES

        dtype = POLICIES[self.train.mixed_precision]
        return checkpoint_pass(self.stored, self.data, dtype, self.lanes, self.tta)

    def result(self, images: Split) -> Result:
        """Returns the outputs of the network for images.

        Raises:
            DivergedError: If an output is not finite.
        """
        from resnet_tf.evaluation.full_pass import finite

        result = self.full_pass(images, self.train.test_batch_size)
        finite(result.logits, f"the {result.split} split")
        return result

    def described(self, result: Result) -> dict[str, Any]:
        """Returns a result with its checkpoint and preprocessing, as JSON values."""
        return {
            "checkpoint": str(self.folder),
            "dataset": self.data.dataset,
            **result.to_dict(),
            "tta": self.tta,
            "preprocessing": {
                name: getattr(self.data, name) for name in _PREPROCESSING
            },
        }


def evaluate(
    ckpt: str | Path,
    split: SplitName = "test",
    *,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    download: bool = True,
    test_batch_size: int = 250,
    mixed_precision: Precision = "float32",
    lanes: int = 1,
    tta: Tta = "none",
) -> dict[str, Any]:
    """Returns the error of a checkpoint on a split of its data set.

    Args:
        ckpt: A released model's name, a checkpoint folder or a run folder.
        split: "test" or "validation".
        data_dir: See `DataConfig`.
        cache_dir: See `DataConfig`.
        download: See `DataConfig`.
        test_batch_size: Number of images in a batch; the result does not depend on it,
            except with `bn_eval="batch"`.
        mixed_precision: Type of the activations; see `TrainConfig`.
        lanes: Number of parts of a batch that run in parallel, each on one core with
            one thread if TensorFlow has not been used yet; 1 on a GPU.
        tta: Test-time augmentation: "none", "flip" or "multicrop"; see `views`.

    Returns:
        A dict of `checkpoint`, `dataset`, `tta`, `preprocessing` and `Result.to_dict`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available, or the split has no images.
        SettingError: If an argument is out of its range, or `tta` mirrors images that
            must not be mirrored.
    """
    require_split(split)
    found = subject(
        ckpt,
        data_dir=data_dir,
        cache_dir=cache_dir,
        download=download,
        test_batch_size=test_batch_size,
        mixed_precision=mixed_precision,
        lanes=lanes,
        tta=tta,
    )
    return found.described(found.result(found.images(split)))


def subject(
    ckpt: str | Path | StoredCheckpoint,
    *,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    download: bool = True,
    test_batch_size: int = 250,
    mixed_precision: Precision = "float32",
    lanes: int = 1,
    tta: Tta = "none",
) -> Subject:
    """Returns a checkpoint that is ready to evaluate; imports TensorFlow.

    Args:
        ckpt: See `evaluate`.
        data_dir: See `evaluate`.
        cache_dir: See `evaluate`.
        download: See `evaluate`.
        test_batch_size: See `evaluate`.
        mixed_precision: See `evaluate`.
        lanes: See `evaluate`.
        tta: See `evaluate`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available.
        SettingError: If an argument is out of its range, or `tta` mirrors images that
            must not be mirrored.
    """
    positive("lanes", lanes)
    require_tta(tta)
    train = TrainConfig(
        test_batch_size=test_batch_size, mixed_precision=mixed_precision
    )
    stored = opened(ckpt)
    data = dataclasses.replace(
        stored.config.data, data_dir=data_dir, cache_dir=cache_dir, download=download
    )
    require_mirrors(tta, data)
    ensure_available(data)
    # Missing data is reported before the slow import of TensorFlow.
    if lanes > 1 and stored.config.model.bn_eval == "moving":
        one_thread_an_operation()
    import_tensorflow()
    return Subject(stored, data, train, lanes, tta)
