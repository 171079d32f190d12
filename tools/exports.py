"""The tables of docs/export.md, from recorded runs of `export`."""

import json
from collections.abc import Callable

import markup
from comparison import processor
from paths import DOCS

from resnet_tf.checkpoints.files import CONFIG, read_config
from resnet_tf.checkpoints.resolve import pretrained_names, pretrained_root
from resnet_tf.interop.export_formats import FORMATS

RECORDS = DOCS / "export"


def exports() -> str:
    """The exported files of every released model, each in its own runtime.

    A format without a record has no row.
    """
    head = ["model", "format", "runtime", "size", "largest difference of a logit"]
    head += ["same class", "error", "original's error", "one image", "above its bound"]
    rows = [row for name in pretrained_names() for row in _rows(name)]
    return markup.table(head, rows)


def models() -> str:
    """The networks, the images and the machine of the exported files."""
    head = ["model", "network", "parameters", "images", "machine"]
    return markup.table(head, map(_place, pretrained_names()))


def _records(name: str) -> list[dict]:
    paths = (RECORDS / name / f"{form}.json" for form in FORMATS)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def _rows(name: str) -> list[list[str]]:
    return [[f"`{name}`", *_row(record)] for record in _records(name)]


def _place(name: str) -> list[str]:
    first = _records(name)[0]
    config = read_config(pretrained_root() / name / CONFIG)
    return [
        f"`{name}`",
        markup.network(config.model),
        f"{first['metadata']['parameters']:,}",
        f"{first['n']:,} {first['images']} images",
        processor(first["machine"]),
    ]


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"bounds": bounds, "models": models, "exports": exports}


def bounds() -> str:
    """The largest differences from the original that a format may have."""
    rows = [
        (
            f"`{name}`",
            "any" if form.logits is None else f"{form.logits:g} of the largest logit",
            f"{form.error:g} points",
        )
        for name, form in FORMATS.items()
    ]
    return markup.table(("format", "difference of a logit", "larger error"), rows)


def _row(record: dict) -> list[str]:
    difference, largest = record["logit_difference"], record["largest_logit"]
    return [
        f"`{record['format']}`",
        record["runtime"],
        f"{record['bytes'] / 1e6:.2f} MB",
        f"{difference:.2g} (logits up to {largest:.1f})",
        f"{record['agreement']:.2f} %",
        f"{record['error']:.2f} %",
        f"{record['original_error']:.2f} %",
        f"{record['latency_ms']:.2f} ms",
        "; ".join(record["failures"]) or "no",
    ]
