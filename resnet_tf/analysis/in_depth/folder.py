"""Writes a report folder on one checkpoint: the figures, a page and pictures."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.analysis.in_depth import pictures
from resnet_tf.analysis.page import (
    Page,
    Picture,
    Section,
    Table,
    origin,
    write_page,
)
from resnet_tf.disk import write_text
from resnet_tf.evaluation.tta import MEANING

JSON, MARKDOWN, PAGE = "evaluation.json", "evaluation.md", "report.html"
_HOW = (
    "Intervals are 95 % Wilson intervals. ECE is the expected calibration "
    "error, with 15 bins of equal width. Each evaluation generates the same corrupted "
    "images again; strength 0 is the original image."
)


def write_evaluation(
    folder: Path, record: Mapping[str, Any], mistakes: np.ndarray, spoiled: np.ndarray
) -> None:
    """Writes the report.

    Args:
        folder: Folder of the report; it is created if missing.
        record: Figures from `evaluate_in_depth`, with provenance.
        mistakes: `InDepth.mistakes`.
        spoiled: `InDepth.spoiled`.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, allow_nan=False)
    write_text(folder / JSON, f"{text}\n")
    pictures.draw_confusions(folder / pictures.CONFUSION, record)
    pictures.draw_reliability(folder / pictures.RELIABILITY, record)
    pictures.draw_robustness(folder / pictures.ROBUSTNESS, record, spoiled)
    if record["mistakes"]:
        pictures.draw_mistakes(folder / pictures.MISTAKES, record, mistakes)
    write_page(page(record), folder / MARKDOWN, folder / PAGE)


def page(record: Mapping[str, Any]) -> Page:
    """Returns the report page; its pictures are in the same folder."""
    sections = [
        Section("Error", _error(record), _classes(record)),
        Section(
            "Confusion",
            table=_confused(record),
            pictures=[
                Picture(
                    pictures.CONFUSION,
                    "Predictions for the images of each true class in percent.",
                )
            ],
        ),
        Section(
            "Calibration",
            calibration(record),
            pictures=[
                Picture(
                    pictures.RELIABILITY,
                    "Accuracy of the predictions by confidence; on the dashed line, "
                    "both are equal.",
                )
            ],
        ),
        _mistakes(record),
        Section(
            "Robustness",
            corrupted(record),
            _corruptions(record),
            [
                Picture(
                    pictures.ROBUSTNESS,
                    "Errors on corrupted images, and the first image.",
                )
            ],
        ),
    ]
    if record["pair"]:
        sections.insert(1, Section("Against another checkpoint", paired(record)))
    title = f"{record['network']} on {record['dataset']}"
    # Records of earlier versions have no `tta`.
    views = MEANING[record.get("tta", "none")]
    return Page(title, sections, (f"{origin(record)} {views} {_HOW}",))


def calibration(record: Mapping[str, Any]) -> str:
    """Returns a sentence on the calibration error."""
    found = record["calibration"]
    text = f"The calibration error is {found['before']['ece']:.2f} points"
    if found["temperature"] is None and found["n"]:
        return (
            f"{text}; the {found['n']:,} {found['fitted_on']} images do not determine "
            "a temperature (e.g. because all of them are classified correctly)."
        )
    if found["temperature"] is None:
        return f"{text}; there are no validation images to fit a temperature on."
    text += f", and {found['after']['ece']:.2f} with the temperature "
    if found["fitted_on"] == record["split"]:
        return (
            f"{text}{found['temperature']:.3f}, fitted on these images themselves, so "
            "the second figure is too good."
        )
    return (
        f"{text}{found['temperature']:.3f}, fitted on {found['n']:,} "
        f"{found['fitted_on']} images."
    )


def corrupted(record: Mapping[str, Any]) -> str:
    """Returns a sentence on the mean error on corrupted images."""
    count = sum(len(one["errors"]) for one in record["robustness"])
    return (
        f"The mean error of {count} corruptions is {record['corrupted_error']:.2f} %; "
        f"on the original images the error is {record['error']:.2f} %."
    )


def paired(record: Mapping[str, Any]) -> str:
    """Returns sentences on the tests against another checkpoint."""
    pair = record["pair"]
    low, high = pair["difference_interval"]
    differ = "do not differ" if low <= 0 <= high else "differ"
    return (
        f"{pair['checkpoint']} ({pair['network']}) has an error of {pair['error']:.2f} "
        f"% on the same {record['n']:,} images: a difference of "
        f"{pair['difference']:+.2f} points, 95 % interval over the images "
        f"{low:+.2f} to {high:+.2f}, so they {differ} significantly. Only "
        f"{record['checkpoint']} is wrong on {pair['only_a_wrong']:,}, only "
        f"{pair['checkpoint']} on {pair['only_b_wrong']:,}: McNemar's exact "
        f"p is {pair['p']:.2g}."
    )


def _error(record: Mapping[str, Any]) -> str:
    low, high = record["interval"]
    return (
        f"{record['checkpoint']} has an error of {record['error']:.2f} % on "
        f"{record['n']:,} {record['split']} images, 95 % interval {low:.2f} to "
        f"{high:.2f}; cross-entropy {record['loss']:.4f} nats."
    )


def _classes(record: Mapping[str, Any]) -> Table:
    rows = []
    for one in record["classes"]:
        cells = ["-", "-"]
        if one["n"]:
            low, high = one["interval"]
            cells = [f"{one['error']:.2f} %", f"{low:.2f} to {high:.2f}"]
        rows.append([one["name"], f"{one['n']:,}", *cells])
    return Table("classes", ["class", "n", "error", "95 % interval"], rows)


def _confused(record: Mapping[str, Any]) -> Table:
    rows = [[x["true"], x["predicted"], f"{x['n']:,}"] for x in record["confused"]]
    return Table("confused", ["true class", "predicted class", "images"], rows)


def _mistakes(record: Mapping[str, Any]) -> Section:
    if not record["mistakes"]:
        return Section("Most confident mistakes", "None: all images are correct.")
    text = "True class, and the predicted class with its probability"
    calibrated = record["calibration"]["temperature"] is not None
    text += ", calibrated." if calibrated else "."
    return Section(
        "Most confident mistakes", pictures=[Picture(pictures.MISTAKES, text)]
    )


def _corruptions(record: Mapping[str, Any]) -> Table:
    head = ["corruption", "strengths"]
    head += map(str, range(1, 1 + len(record["robustness"][0]["errors"])))
    rows = [
        [
            one["name"],
            f"{', '.join(f'{s:g}' for s in one['strengths'])} ({one['measure']})",
            *(f"{error:.2f} %" for error in one["errors"]),
        ]
        for one in record["robustness"]
    ]
    return Table("corruptions", head, rows)
