"""The generated part of docs/landscape.md, from the record that lies beside it."""

import csv
import functools
import math
from collections.abc import Callable
from pathlib import Path

from markup import error, paragraph, table
from paths import DOCS
from release import command
from reliability import part, place

from resnet_tf.config import ExperimentConfig

RECORD = DOCS / "landscape" / "landscape.json"


def shortcuts(record: dict, folder: Path = RECORD.parent) -> str:
    """The picture, what each network ended with, and how it was trained."""
    slices = record["slices"]
    n = slices[0]["n"]
    configs = [ExperimentConfig.from_dict(one["config"]) for one in slices]
    kinds = [config.model.shortcut for config in configs]
    words = paragraph(
        f"Cross-entropy on {n:,} training images at "
        f"{record['size']} x {record['size']} points up to {record['radius']:g} times "
        "the length of each filter away; the cross is where the training ended. One "
        f"run each. {place(record)}",
        f"The values of `--shortcut`, in turn: {', '.join(kinds)}.",
    )
    head = ["network", "updates", "validation error", "loss at the cross",
            "points better than guessing"]  # fmt: skip
    rows = ([one["network"], f"{one['step']:,}",
             error(one["validation_error"], one["n_validation"]),
             f"{one['loss']:.3f}", _share(folder / one["table"], one)]
            for one in slices)  # fmt: skip
    commands = [command(config) for config in configs]
    drawn = (
        "python -m resnet_tf landscape --ckpt "
        f"{' '.join(record['checkpoints'])} "
        f"--size={record['size']} --images={n} --output=docs/landscape"
    )
    lines = "\n".join((*commands, drawn))
    picture = f"![The loss around {_titles(slices)}](landscape/landscape.png)"
    return "\n\n".join((picture, words, table(head, rows), f"```\n{lines}\n```"))


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"shortcuts": functools.partial(part, shortcuts, RECORD)}


def _titles(slices: list[dict]) -> str:
    return " and ".join(one["network"] for one in slices)


def _share(path: Path, one: dict) -> str:
    """Returns the share of points with less loss than equal odds for all classes."""
    guessing = math.log(one["config"]["model"]["num_classes"])
    with open(path, newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return f"{100 * sum(loss < guessing for loss in losses) / len(losses):.0f} %"
