"""From the name of a checkpoint to its error on a split."""

from pathlib import Path
from typing import Any

from resnet_tf.data.sources import require_split
from resnet_tf.data.split import SplitName
from resnet_tf.evaluation.subject import subject


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
        data_dir: See `DataConfig`.
        cache_dir: See `DataConfig`.
        download: See `DataConfig`.
        test_batch_size: Images in a batch; the result does not depend on it,
            unless the network was told to (`bn_eval="batch"`).
        mixed_precision: Type of the activations; see `TrainConfig`.
        lanes: Parts of a batch that are computed side by side, one core and one
            thread each, if TensorFlow has not been used yet; 1 on a GPU.

    Returns:
        A dict of `checkpoint`, `dataset`, `preprocessing` and `Result.to_dict`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available, or the split has no images.
        SettingError: If an argument is out of its range.
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
    )
    return found.described(found.result(found.images(split)))
