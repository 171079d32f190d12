"""The summary of a run: the errors of its weights, and their provenance."""

import resource
import statistics
import sys
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import METRICS, read_metrics, write_json
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.split import Split
from resnet_tf.distribution.sharded_pass import ShardedPass
from resnet_tf.distribution.workers import Workers
from resnet_tf.evaluation.full_pass import checkpoint_pass
from resnet_tf.reporting.provenance import provenance
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import Row, best_row


def summarize(
    folder: RunFolder,
    rows: list[Row],
    splits: list[Split],
    workers: Workers,
    weights_sha256: str,
) -> dict[str, Any]:
    """Evaluates the last and the best weights and returns the summary.

    Args:
        folder: The run folder with the saved weights; the errors are added to their
            metrics.
        rows: All reports, at least one.
        splits: The splits to evaluate; empty ones are skipped.
        workers: The workers that share the images; all must call this, and the chief
            writes.
        weights_sha256: SHA-256 of the bytes of the last weights.

    Raises:
        CheckpointError: If the saved weights are damaged.
        OSError: If the metrics cannot be written.
    """
    config = folder.config
    errors = _errors(folder.path, rows[-1], config, splits, workers)
    _add(errors, folder.path, workers)
    summary = {
        "step": rows[-1].step,
        "seconds": rows[-1].seconds,
        "images_per_second": statistics.median(row.images_per_second for row in rows),
        **errors,
    }
    best = best_row(rows)
    if best is not None:
        if best.step != rows[-1].step:  # Else they are the same weights.
            errors = _errors(folder.best, best, config, splits, workers)
        _add(errors, folder.best, workers)
        summary["best_step"] = best.step
        summary |= {f"best_{name}": value for name, value in errors.items()}
    return summary | {
        "peak_memory": _peak_memory(),
        "num_replicas": workers.replicas,
        "num_workers": workers.number,
        "weights_sha256": weights_sha256,
        "seed": config.train.seed,
        "kernels": config.train.kernels,
        **provenance(),
    }


def _peak_memory() -> int:
    """Returns the peak memory of this process in bytes.

    It counts neither GPU memory nor earlier processes of a resumed run.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else 1024 * peak


def _errors(
    checkpoint: Path,
    row: Row,
    config: ExperimentConfig,
    splits: list[Split],
    workers: Workers,
) -> dict[str, Any]:
    """Returns the errors of a saved checkpoint, as `eval.py` computes them.

    The validation error is taken from the report if the run computes it like `eval.py`.
    """
    full_pass = ShardedPass(
        checkpoint_pass(checkpoint, config.data, lanes=config.train.lanes), workers
    )
    errors: dict[str, Any] = {}
    for split in splits:
        if not len(split):
            continue
        if split.name == "validation" and _validates_as_eval(config):
            error = row.validation_error
        else:
            error = full_pass(split, config.train.test_batch_size).error
        errors[f"{split.name}_error"] = error
        errors[f"n_{split.name}"] = len(split)
    return errors


def _validates_as_eval(config: ExperimentConfig) -> bool:
    """Returns whether the run validates its weights in float32, at any batch size."""
    plain = config.train.mixed_precision == "float32"
    return plain and config.model.bn_eval == "moving"


def _add(errors: dict[str, Any], checkpoint: Path, workers: Workers) -> None:
    """Adds errors to the metrics of a checkpoint; only the chief writes."""
    if workers.chief:
        metrics = checkpoint / METRICS
        write_json(metrics, {**read_metrics(metrics), **errors})
