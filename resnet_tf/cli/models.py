"""List the released models with their errors, their size and their speed here."""

import argparse
import statistics
from typing import Any

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    read_config,
    read_metrics,
)
from resnet_tf.checkpoints.resolve import pretrained_names, pretrained_root
from resnet_tf.cli.command import require_json_output, write_json_output
from resnet_tf.errors import MissingCheckpointError
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow

_BATCH, _ROUNDS, _SECONDS = 128, 5, 1.0
_SPLITS = ("validation", "test")
_FROM_METRICS = (
    "parameters",
    "validation_error",
    "n_validation",
    "validation_interval",
    "test_error",
    "n_test",
    "test_interval",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--speed",
        action="store_true",
        help=f"Measure the inference speed of each model: float32, batch {_BATCH}, "
        f"{_ROUNDS} turns of {_SECONDS:.0f} s.",
    )
    parser.add_argument("--json_output", help="File for the figures.")


def run(arguments: argparse.Namespace) -> None:
    """Prints one line per model.

    Raises:
        CheckpointError: If a released model is damaged.
        OutputError: If the file cannot be written.
    """
    require_json_output(arguments.json_output)
    rows = [_facts(name) for name in pretrained_names()]
    if arguments.speed and rows:
        for row, rates in zip(rows, _rates(row["name"] for row in rows), strict=True):
            row |= {
                "images_per_second": statistics.median(rates),
                "samples": rates,
                "batch": _BATCH,
                "mixed_precision": "float32",
            }
    _print(rows)
    write_json_output(arguments.json_output, {"models": rows, **provenance()})


def _facts(name: str) -> dict[str, Any]:
    """Returns the facts in the files of a released model, as JSON values."""
    folder = pretrained_root() / name
    config, metrics = read_config(folder / CONFIG), read_metrics(folder / METRICS)
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise MissingCheckpointError(f"no weights: {weights} is missing")
    return {
        "name": name,
        "network": config.model.title,
        "dataset": config.data.dataset,
        "bytes": weights.stat().st_size,
        **{key: metrics.get(key) for key in _FROM_METRICS},
    }


def _rates(names) -> list[list[float]]:
    """Returns the images per second of each turn, for each model."""
    import_tensorflow()
    from resnet_tf.analysis.profiling.networks import inference
    from resnet_tf.analysis.profiling.turns import turns
    from resnet_tf.checkpoints.weights import load_checkpoint
    from resnet_tf.models.inference import optimize_for_inference

    works = {}
    for name in names:
        model = optimize_for_inference(load_checkpoint(pretrained_root() / name).model)
        works[name] = inference(model, _BATCH)
    return list(turns(works, _ROUNDS, _SECONDS).values())


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        print(f"no released model in {pretrained_root()}")
        return
    head = ["model", "network", "data", "parameters", "on disk"]
    head += [f"{split} error (95 % interval)" for split in _SPLITS]
    head += ["images/s here"] * ("samples" in rows[0])
    lines = [head, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:{w}}" for cell, w in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def _cells(row: dict[str, Any]) -> list[str]:
    parameters = row["parameters"]
    cells = [
        row["name"],
        row["network"],
        row["dataset"],
        "-" if parameters is None else f"{parameters:,}",
        f"{row['bytes'] / 1e6:.1f} MB",
        *(_error(row, split) for split in _SPLITS),
    ]
    if samples := row.get("samples"):
        low, high = min(samples), max(samples)
        cells.append(f"{row['images_per_second']:,.0f} ({low:,.0f} to {high:,.0f})")
    return cells


def _error(row: dict[str, Any], split: str) -> str:
    error, interval = row[f"{split}_error"], row[f"{split}_interval"]
    if error is None or interval is None:
        return "-"
    low, high = interval
    return f"{error:.2f} % ({low:.2f} to {high:.2f}, n = {row[f'n_{split}']:,})"
