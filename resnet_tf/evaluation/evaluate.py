"""From the name of a checkpoint to its error on a split."""

import dataclasses
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import CONFIG, read_config
from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.config import TrainConfig, positive
from resnet_tf.data.sources import (
    ensure_available,
    load_split,
    require_classes,
    require_split,
)
from resnet_tf.data.split import SplitName
from resnet_tf.errors import DataError
from resnet_tf.startup import import_tensorflow, one_thread_an_operation

_PREPROCESSING = "image_size resize normalization channel_mean channel_std".split()


def evaluate(
    ckpt: str | Path,
    split: SplitName = "test",
    *,
    data_dir: str | None = None,
    cache_dir: str | None = None,
    download: bool = True,
    test_batch_size: int = 250,
    mixed_precision: str = "float32",
    lanes: int = 1,
) -> dict[str, Any]:
    """Returns the error of a checkpoint on the data that it was trained for.

    Args:
        ckpt: A released model's name, a checkpoint folder or a run folder.
        split: "test" or "validation".
        data_dir, cache_dir, download: See `DataConfig`.
        test_batch_size: Images in a batch; the result does not depend on it,
            unless the network was told to (`bn_eval="batch"`).
        mixed_precision: Type of the activations; see `TrainConfig`.
        lanes: Parts of a batch that are computed side by side, one core and one
            thread each, if TensorFlow has not been used yet; 1 on a GPU.

    Returns:
        A dict of `checkpoint`, `dataset`, `preprocessing` and `Result.to_dict`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set cannot be had, or the split has no images.
        SettingError: If an argument is out of its range.
    """
    train = _checked(split, lanes, test_batch_size, mixed_precision)
    folder = resolve(str(ckpt))
    config = read_config(folder / CONFIG)
    data = dataclasses.replace(
        config.data, data_dir=data_dir, cache_dir=cache_dir, download=download
    )
    ensure_available(data)

    # Here and not above: TensorFlow is not needed to say that data is missing.
    if lanes > 1:
        one_thread_an_operation()
    import_tensorflow()
    from resnet_tf.evaluation.full_pass import checkpoint_pass
    from resnet_tf.models import POLICIES

    images = load_split(data, split)
    if len(images) == 0:
        raise DataError(f"split {split} of {folder} holds no images")
    require_classes(images, config.model.num_classes)
    full_pass = checkpoint_pass(folder, data, POLICIES[train.mixed_precision], lanes)
    return {
        "checkpoint": str(folder),
        "dataset": data.dataset,
        **full_pass(images, train.test_batch_size).to_dict(),
        "preprocessing": {name: getattr(data, name) for name in _PREPROCESSING},
    }


def _checked(
    split: str, lanes: int, test_batch_size: int, mixed_precision: str
) -> TrainConfig:
    require_split(split)
    positive("lanes", lanes)
    return TrainConfig(test_batch_size=test_batch_size, mixed_precision=mixed_precision)
