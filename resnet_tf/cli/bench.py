"""Measure a network against the machine's peaks, and show what limits its speed."""

import argparse
import math
from collections.abc import Iterable
from typing import Any

from resnet_tf.analysis.profiling import PRECISIONS, TRAIN, WORKS
from resnet_tf.cli.command import require_json_output, write_json_output
from resnet_tf.config import NETWORKS, ExperimentConfig, iter_fields, positive, unknown
from resnet_tf.errors import SettingError
from resnet_tf.machine import has_bfloat16
from resnet_tf.startup import import_tensorflow

_TOP = 12
(_KERNELS,) = (spec for spec in iter_fields() if spec.name == "kernels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--model", default="resnet20", help="Registered network.")
    parser.add_argument(
        "--mixed_precision",
        choices=PRECISIONS,
        help="Type of the activations [the fastest type for this CPU].",
    )
    parser.add_argument("--batch", type=int, default=128, help="Images per step.")
    parser.add_argument(
        "--work",
        choices=WORKS,
        default=TRAIN,
        help="The training step, or the network optimized for inference.",
    )
    parser.add_argument(
        "--kernels",
        choices=_KERNELS.choices,
        default=_KERNELS.default,
        help="Implementation of the kernels, as for train.",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="Show the minimum time of each layer and the time of each operation.",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=1.0,
        help="Length of a turn; the network and the three peaks have five turns each.",
    )
    parser.add_argument("--json_output", help="File for the figures.")


def run(arguments: argparse.Namespace) -> None:
    """Measures a network and prints the figures.

    Raises:
        OutputError: If the file cannot be written.
        SettingError: If a setting is wrong, or this TensorFlow cannot be profiled.
    """
    _check(arguments)
    fastest = PRECISIONS[-1] if has_bfloat16() else PRECISIONS[0]
    config = ExperimentConfig.from_flat(
        {
            "model": arguments.model,
            "mixed_precision": arguments.mixed_precision or fastest,
            "train_batch_size": arguments.batch,
            "kernels": arguments.kernels,
        }
    )
    import_tensorflow()
    from resnet_tf.analysis.profiling.measure import measured
    from resnet_tf.reporting.provenance import provenance

    work, profile = arguments.work, arguments.profile
    record = {
        "model": arguments.model,
        **measured(config, work, arguments.seconds, profile),
        **provenance(),
    }
    _print_summary(record)
    if arguments.profile:
        _print_layers(record["layers"], record["seconds_allowed"])
        _print_operations(record["profile"])
    write_json_output(arguments.json_output, record)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.model not in NETWORKS:
        raise SettingError(unknown("network", arguments.model, NETWORKS))
    positive("batch", arguments.batch)
    if not 0 <= arguments.seconds < math.inf:
        raise SettingError(f"seconds must be at least 0, received {arguments.seconds}")
    require_json_output(arguments.json_output)


def _print_summary(record: dict[str, Any]) -> None:
    peaks, precision = record["peaks"], record["mixed_precision"]
    training = record["work"] == TRAIN
    # This module imports TensorFlow.
    from resnet_tf.training.kernels import kernels_title

    products = ", ".join(
        f"{name} {peak / 1e9:,.0f} GFLOP/s"
        for name, peak in peaks["operations_per_second"].items()
    )
    lines = {
        "machine": f"matrix product {products}; "
        f"memory copy {peaks['copied_bytes_per_second'] / 1e9:.1f} GB/s",
        record["model"]: f"{'training' if training else 'inference'}, {precision}, "
        f"{kernels_title(record['kernels'])}, batch {record['batch']}: "
        f"{record['images_per_second']:,.0f} images/s "
        f"(median of {len(record['samples'])} turns, {min(record['samples']):,.0f} "
        f"to {max(record['samples']):,.0f})",
        "arithmetic": f"{record['operations_per_image'] / 1e6:,.1f} MFLOP per image"
        + (", three times the forward pass" if training else ""),
        "achieved": f"{100 * record['fraction_of_peak']:.1f} % of the {precision} "
        "matrix product",
        "roofline": f"{1e3 * record['seconds_allowed']:,.1f} ms per step possible, "
        f"{1e3 * record['seconds_measured']:,.1f} ms measured",
    }
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:{width}}  {text}")
    passes = ", forward and backward" if training else ""
    print(
        "The possible time is the sum over all layers of the longer of two times: the\n"
        "arithmetic at the rate of the matrix product, and the memory traffic at the\n"
        "rate of the copy. Activations and weights are read or written once per "
        f"pass{passes}."
    )


def _print_layers(rows: list[dict[str, Any]], allowed: float) -> None:
    print()
    _print_line(
        "layers, per step", "output", "count", "MMACs", "MB", "ms", "share", "limit"
    )
    for row in rows[:_TOP]:
        shape = "x".join(map(str, row["shape"]))
        name = f"{row['kind']} {row['detail']}"
        _print_line(name, shape, *_cells([row], allowed), row["bound_by"])
    if rows[_TOP:]:
        _print_line("rest", "", *_cells(rows[_TOP:], allowed), "")


def _cells(rows: Iterable[dict[str, Any]], allowed: float) -> list[str]:
    """Returns count, multiply-adds, bytes, time and share of several rows."""

    def total(key: str) -> float:
        return sum(row[key] for row in rows)

    return [
        str(total("count")),
        f"{total('operations') / 2e6:,.1f}",
        f"{total('bytes') / 1e6:,.1f}",
        f"{1e3 * total('seconds'):.2f}",
        f"{100 * total('seconds') / allowed:.1f} %",
    ]


def _print_line(name: str, output: str, *cells: str) -> None:
    widths = (6, 10, 9, 9, 8, 10)
    aligned = [f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True)]
    print(f"{name:24}{output:>12}", " ".join(aligned).rstrip())


def _print_operations(profile: dict[str, Any]) -> None:
    rows, steps = profile["operations"], profile["steps"]
    whole = sum(row["seconds"] for row in rows)
    print("\noperations, per step; their times overlap (sum over the cores)")
    shown = [(row["type"], [row]) for row in rows[:_TOP]]
    if rows[_TOP:]:
        shown.append(("rest", rows[_TOP:]))
    for name, part in shown:
        seconds = sum(row["seconds"] for row in part)
        count = sum(row["count"] for row in part) / steps
        print(
            f"{name:36}{count:>8,.0f} times {1e3 * seconds / steps:>10,.2f} ms"
            f"{100 * seconds / whole:>7.1f} %"
        )
