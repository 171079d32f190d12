"""A report folder: the figures as JSON, a Markdown page, a web page and pictures."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import write_json
from resnet_tf.comparison.advice import RULES
from resnet_tf.comparison.pictures import CONFUSION, COSTS, CURVES, draw
from resnet_tf.disk import write_text

JSON, MARKDOWN, PAGE = "comparison.json", "comparison.md", "report.html"
_PICTURES = {
    CURVES: "Errors over the epochs: means of the seeds, bands from the lowest to the "
    "highest seed; dotted lines where a learning rate drops.",
    COSTS: "Test error with its 95 % Wilson interval.",
    CONFUSION: "Predictions for the images of each true class in percent, all seeds.",
}


def write_report(folder: Path, record: Mapping[str, Any]) -> None:
    """Writes the report of a comparison.

    Args:
        folder: Where; it is made if it is missing.
        record: The figures, as `record.compare` returns them, with provenance.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / JSON, dict(record))
    pictures = draw(folder, record)
    write_text(folder / MARKDOWN, markdown(record))
    write_text(folder / PAGE, _page(record, pictures))


def markdown(record: Mapping[str, Any]) -> str:
    """Returns the report as Markdown, beside the pictures."""
    networks, pairs = tables(record)
    parts = [
        f"# Networks for {record['dataset']}",
        " ".join(record["advice"]),
        _markdown_table(*networks),
    ]
    if pairs[1]:
        parts += [_PAIRS, _markdown_table(*pairs)]
    for name, text in _PICTURES.items():
        parts += [f"![{text}]({name})", f"*{text}*"]
    parts += [RULES, _origin(record)]
    return "\n\n".join(parts) + "\n"


_PAIRS = (
    "Differences in points, with the 95 % bootstrap interval over images and seeds; "
    "McNemar's exact test for one run of each."
)


def tables(record: Mapping[str, Any]) -> tuple[tuple[list, list], tuple[list, list]]:
    """Returns head and rows of the networks' table and of the pairs', as text."""
    head = [
        "network",
        f"test error (n = {record['n']:,})",
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
    pair_head = ["pair", "difference", "95 % interval", "only one wrong", "p"]
    return (head, rows), (pair_head, [_pair_cells(pair) for pair in record["pairs"]])


def _network_cells(network: Mapping[str, Any]) -> list[str]:
    low, high = network["interval"]
    validation, memory = network["validation_errors"], network["peak_memory"]
    mean = sum(validation) / len(validation) if validation else None
    minutes = network["seconds"] / 60
    return [
        network["label"],
        _with_deviation(network["error"], network["error_sd"]),
        f"{low:.2f} to {high:.2f}",
        str(len(network["seeds"])),
        "-" if mean is None else f"{mean:.2f} % (n = {network['n_validation']:,})",
        f"{network['parameters']:,}",
        f"{network['macs'] / 1e6:,.1f} M",
        f"{network['bytes'] / 1e6:.2f} MB",
        f"{minutes:.1f} min",
        f"{network['images_per_second']:,.0f}",
        "-" if memory is None else f"{memory / 2**20:,.0f} MiB",
        *(f"{network['latency'][batch]:,.1f} ms" for batch in ("1", "128")),
    ]


def _with_deviation(error: float, deviation: float | None) -> str:
    return f"{error:.2f} %" if deviation is None else f"{error:.2f} ± {deviation:.2f} %"


def _pair_cells(pair: Mapping[str, Any]) -> list[str]:
    low, high = pair["interval"]
    return [
        f"{pair['a']} - {pair['b']}",
        f"{pair['difference']:+.2f}",
        f"{low:+.2f} to {high:+.2f}",
        f"{pair['only_a_wrong']} and {pair['only_b_wrong']}",
        f"{pair['p']:.2g}",
    ]


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _origin(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in record["versions"].items() if v)
    machine = record["machine"]
    return (
        f"Written by `{record['command']}`, commit {record['commit']}, {versions}; "
        f"{machine['cores']} cores of {machine['cpu']}. Errors are those of the last "
        "weights, single view, float32; ± is the standard deviation over seeds. "
        "Latency is the median of five turns in float32."
    )


def _page(record: Mapping[str, Any], pictures: Sequence[Path]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Everything from a run folder is escaped.
    environment = Environment(
        loader=PackageLoader("resnet_tf.comparison", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    networks, pairs = tables(record)
    return environment.get_template("page.html.j2").render(
        dataset=record["dataset"],
        advice=record["advice"],
        networks=networks,
        pairs=pairs,
        pairs_text=_PAIRS,
        pictures=[(_inline(path), _PICTURES[path.name]) for path in pictures],
        rules=RULES,
        origin=_origin(record),
    )


def _inline(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
