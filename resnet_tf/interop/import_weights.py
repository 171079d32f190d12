"""Imports a file of another project as a checkpoint folder with a card."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from resnet_tf.checkpoints.files import METRICS, file_sha256, read_json, write_json
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.config import DATASETS
from resnet_tf.data.split import SplitName
from resnet_tf.disk import writing
from resnet_tf.errors import CheckpointError, DataError
from resnet_tf.evaluation.evaluate import evaluate
from resnet_tf.interop import pytorch
from resnet_tf.interop.averages import chosen_averages
from resnet_tf.interop.card import card
from resnet_tf.interop.files import require_new
from resnet_tf.interop.recognise import recognise
from resnet_tf.interop.source import Source
from resnet_tf.models import build_model

CARD = "README.md"
COMPARED_IMAGES = 16


def import_weights(
    source: Path,
    output: Path,
    *,
    key: str | None = None,
    split: SplitName = "test",
    data_dir: str | None = None,
    cache_dir: str | None = None,
    bn_eval: str | None = None,
) -> dict[str, Any]:
    """Writes the weights as a checkpoint folder and evaluates it.

    Args:
        source: File of weights; see `recognise`.
        output: New or empty folder.
        key: See `recognise`.
        split: Images to evaluate on, if available; nothing is downloaded.
        data_dir: See `DataConfig`.
        cache_dir: See `DataConfig`.
        bn_eval: For a file without moving averages of batch norm: "moving" to compute
            them from training images, "batch" to evaluate with batch statistics. The
            default is "moving" if there is a `data_dir`.

    Returns:
        The contents of `metrics.json`: `family`, `url`, `source_sha256` by file,
        `tensors`, `parameters`, `published_error` with `published_where`,
        `pytorch_difference` (largest difference of a logit, None if PyTorch is not
        installed), `bn_eval`, `averaged_images` (number of training images that the
        moving averages were computed from, None if none were) and `notes`. With
        images also `<split>_error`, `n_<split>` and `<split>_interval`; without,
        `not_evaluated`, the reason.

    Raises:
        CheckpointError: If the weights are missing, damaged or of an unknown network;
            then nothing is written.
        DataError: If the averages need images and there are none.
        OutputError: If `output` is taken or cannot be written.
        SettingError: If `bn_eval` is given for a file with moving averages.
    """
    require_new(output)
    found = chosen_averages(recognise(source, key), bn_eval, data_dir, cache_dir)
    model = build_model(found.config.model, dtype="float32")
    try:
        metrics = _assigned(model, found)
    except CheckpointError as error:
        raise CheckpointError(f"{source}: {error}") from error
    with writing(output):
        save_checkpoint(output, model, found.config, metrics)
    dataset = found.config.data.dataset
    metrics = read_json(output / METRICS)
    metrics |= _measured(output, dataset, split, data_dir, cache_dir)
    with writing(output):
        write_json(output / METRICS, metrics)
        text = card(found, metrics, output, split)
        (output / CARD).write_text(text, encoding="utf-8")
    return metrics


def _assigned(model: keras.Model, found: Source) -> dict[str, Any]:
    """Assigns the weights to the model and returns their metrics."""
    return {
        "family": found.family,
        "url": found.url,
        "source_sha256": {path.name: file_sha256(path) for path in found.files},
        "tensors": found.assign(model),
        "parameters": sum(w.shape.num_elements() for w in model.trainable_weights),
        "published_error": found.published.error if found.published else None,
        "published_where": found.published.where if found.published else None,
        "pytorch_difference": _difference(model, found),
        "bn_eval": found.config.model.bn_eval,
        "averaged_images": found.averaged_images,
        "notes": list(found.notes),
    }


def _difference(model: keras.Model, source: Source) -> float | None:
    """Returns the largest difference of a logit from PyTorch, or None without it."""
    if source.pytorch is None or not pytorch.installed():
        return None
    shape = (COMPARED_IMAGES, *model.input_shape[1:])
    images = np.random.default_rng(0).normal(size=shape).astype("float32")
    ours = keras.ops.convert_to_numpy(model(images, training=False))
    return float(np.abs(source.pytorch(images) - ours).max())


def _measured(
    folder: Path,
    dataset: str,
    split: SplitName,
    data_dir: str | None,
    cache_dir: str | None,
) -> dict[str, Any]:
    """Returns the error on the available images, or the reason for none."""
    if DATASETS[dataset].of_folders and data_dir is None:
        return {"not_evaluated": "no --data_dir with the images"}
    try:
        result = evaluate(
            folder, split, data_dir=data_dir, cache_dir=cache_dir, download=False
        )
    except DataError as error:
        return {"not_evaluated": " ".join(str(error).split())}
    return {
        f"{split}_error": result["error"],
        f"n_{split}": result["n"],
        f"{split}_interval": result["interval"],
    }
