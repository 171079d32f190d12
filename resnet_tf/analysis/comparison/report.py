"""Writes a report folder: a JSON file, a Markdown page, a web page and pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from resnet_tf.analysis.comparison.advice import RULES
from resnet_tf.analysis.comparison.pictures import CONFUSION, COSTS, CURVES, draw, drawn
from resnet_tf.analysis.page import (
    Page,
    Picture,
    Section,
    Table,
    origin,
    write_page,
)
from resnet_tf.checkpoints.files import write_json

JSON, MARKDOWN, PAGE = "comparison.json", "comparison.md", "report.html"
_PICTURES = {
    CURVES: "Errors over the epochs: means of the seeds, bands from the lowest to the "
    "highest seed; dotted lines mark drops of a learning rate.",
    COSTS: "{split} error with its 95 % interval.",
    CONFUSION: "Predictions for the images of each true class in percent, all seeds.",
}


def write_report(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes the report of a comparison.

    Args:
        folder: Folder of the report; it is created if missing.
        record: Figures from `record.compare`, with provenance.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON, dict(record))
    draw(folder, record)
    write_page(page(record), folder / MARKDOWN, folder / PAGE)


def page(record: Mapping[str, Any]) -> Page:
    """Returns the report page; its pictures are in the same folder."""
    networks, pairs = tables(record)
    timed = any(network["latency"] for network in record["networks"])
    split = record["split"].capitalize()
    pictures = [
        Picture(name, _PICTURES[name].format(split=split)) for name in drawn(record)
    ]
    return Page(
        f"Networks for {record['dataset']}",
        [
            Section("Which to take", " ".join(record["advice"])),
            Section("Numbers", table=networks),
            *([Section("Pairs", PAIRS, pairs)] if pairs.rows else []),
            Section("Pictures", pictures=pictures),
        ],
        (
            RULES,
            f"{INTERVALS} {record.get('note', '')}".rstrip(),
            " ".join([origin(record), _HOW, *([_LATENCY] if timed else [])]),
            *_of_exports(record),
        ),
    )


PAIRS = (
    "Differences in points, with the 95 % interval over images and seeds; McNemar's "
    "exact test for one run of each."
)
INTERVALS = (
    "The intervals cover the choice of images and of seeds: images and seeds are "
    "crossed random effects, images are paired, and so are runs with the same seed. "
    "For a network with one seed, the interval covers the images only. With two seeds, "
    "Student's quantile for one degree of freedom, 12.7, replaces 1.96 if the seeds "
    "dominate. In simulations, 93 to 97 % of the intervals contain the true value."
)
_HOW = (
    "Errors are for the last weights, single view, float32; ± is the standard "
    "deviation over seeds."
)
_LATENCY = "Latency is the median of five turns in float32."


def _of_exports(record: Mapping[str, Any]) -> list[str]:
    """Returns a sentence on the measurement of the exports, or nothing without any."""
    places = dict.fromkeys(
        f"{x['runtime']} on {x['machine']['cores']} cores of {x['machine']['cpu']}"
        for x in record.get("exports", ())
    )
    if not places:
        return []
    return [
        f"Each export is a file of one checkpoint, run by {', '.join(places)}. Its "
        "latency is for one image, from pixels to probabilities, and was measured "
        "during the export, not in turns with the networks."
    ]


def tables(record: Mapping[str, Any]) -> tuple[Table, Table]:
    """Returns the table of the networks and the table of the pairs."""
    head = [
        "network",
        f"{record['split']} error (n = {record['n']:,})",
        "95 % interval",
        "seeds",
        "validation error",
        "parameters",
        "multiply-adds",
        "on disk",
        "training",
        "images/s",
        "peak memory",
        "latency, batch 1",
        "latency, batch 128",
    ]
    rows = [_network_cells(network) for network in record["networks"]]
    rows += [_export_cells(export, record["n"]) for export in record.get("exports", ())]
    pair_head = ["pair", "difference", "95 % interval", "only one wrong", "p"]
    pairs = [_pair_cells(pair) for pair in record["pairs"]]
    if any("relative_seconds" in pair for pair in record["pairs"]):
        pair_head.append("time / time")
    return Table("networks", head, rows), Table("pairs", pair_head, pairs)


def _network_cells(network: Mapping[str, Any]) -> list[str]:
    low, high = network["interval"]
    validation, latency = network["validation_errors"], network["latency"] or {}
    mean = sum(validation) / len(validation) if validation else None
    return [
        network["label"],
        _with_deviation(network["error"], network["error_sd"]),
        f"{low:.2f} to {high:.2f}",
        str(len(network["seeds"])),
        "-" if mean is None else f"{mean:.2f} % (n = {network['n_validation']:,})",
        f"{network['parameters']:,}",
        f"{network['macs'] / 1e6:,.1f} M",
        _cell(network["bytes"], lambda size: f"{size / 1e6:.2f} MB"),
        _cell(network["seconds"], lambda seconds: f"{seconds / 60:.1f} min"),
        _cell(network["images_per_second"], "{:,.0f}".format),
        _cell(network["peak_memory"], lambda size: f"{size / 2**20:,.0f} MiB"),
        *(_cell(latency.get(batch), "{:,.1f} ms".format) for batch in ("1", "128")),
    ]


def _export_cells(export: Mapping[str, Any], n: int) -> list[str]:
    low, high = export["interval"]
    own = "" if export["n"] == n else f" (n = {export['n']:,})"
    return [
        export["label"],
        f"{export['error']:.2f} %{own}",
        f"{low:.2f} to {high:.2f}",
        *["-"] * 2,
        f"{export['parameters']:,}",
        "-",
        f"{export['bytes'] / 1e6:.2f} MB",
        *["-"] * 3,
        f"{export['latency']['1']:,.1f} ms",
        "-",
    ]


def _with_deviation(error: float, deviation: float | None) -> str:
    return f"{error:.2f} %" if deviation is None else f"{error:.2f} ± {deviation:.2f} %"


def _pair_cells(pair: Mapping[str, Any]) -> list[str]:
    (low, high), ratio = pair["interval"], "relative_seconds"
    return [
        f"{pair['a']} - {pair['b']}",
        f"{pair['difference']:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        f"{pair['only_a_wrong']} and {pair['only_b_wrong']}",
        f"{pair['p']:.2g}",
        *([_cell(pair[ratio], "{:.2f}".format)] if ratio in pair else []),
    ]


def _cell(value: Any, text: Callable[[Any], str]) -> str:
    """Returns a known value as text, and a dash for None."""
    return "-" if value is None else text(value)
