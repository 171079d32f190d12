"""The table of the exported formats, from recorded runs of `export`."""

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
    """What the formats of each released model are worth, in their own runtimes.

    A model that exceeds a bound is shown like any other. Formats without a record
    have no row.
    """
    return "\n\n".join(map(_model, pretrained_names()))


def _model(name: str) -> str:
    paths = [RECORDS / name / f"{form}.json" for form in FORMATS]
    records = [json.loads(path.read_text()) for path in paths if path.exists()]
    first = records[0]
    config = read_config(pretrained_root() / name / CONFIG)
    images = f"{first['n']:,} {first['images']} images"
    told = markup.paragraph(
        f"`{first['checkpoint']}`, {markup.network(config.model)}, "
        f"{first['metadata']['parameters']:,} parameters, on {images}; "
        f"{processor(first['machine'])}."
    )
    head = ["format", "runtime", "size", "largest difference of a logit", "same class"]
    head += ["error", "original's error", "one image", "beyond its bound"]
    return f"{told}\n\n{markup.table(head, map(_row, records))}"


def parts() -> dict[str, Callable[[], str]]:
    """Returns what makes the parts of docs/export.md."""
    return {"bounds": bounds, "exports": exports}


def bounds() -> str:
    """What differences from the original are allowed."""
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
