"""The tables and the surfaces of docs/landscape.md, from its record."""

import csv
import functools
import json
import math
from collections.abc import Callable
from pathlib import Path

from markup import code, error, facts, table
from paths import DOCS
from release import command
from reliability import part, place

from resnet_tf.config import ExperimentConfig

RECORD = DOCS / "landscape" / "landscape.json"
LOWEST, HIGHEST = 0.2, 20  # of the loss in the picture, in nats


def shortcuts(record: dict, folder: Path = RECORD.parent) -> str:
    """The two networks, and how they were trained and drawn."""
    slices = record["slices"]
    configs = [ExperimentConfig.from_dict(one["config"]) for one in slices]
    head = ["network", "`--shortcut`", "updates", "validation error",
            "loss at the center", "points better than guessing"]  # fmt: skip
    rows = ([one["network"], f"`{config.model.shortcut}`", f"{one['step']:,}",
             error(one["validation_error"], one["n_validation"]),
             f"{one['loss']:.3f}", _share(folder / one["table"], one)]
            for one, config in zip(slices, configs, strict=True))  # fmt: skip
    size, n = record["size"], slices[0]["n"]
    known = {
        "images": f"{n:,} training images",
        "points": f"{size} x {size}",
        "reach": f"{record['radius']:g} times the norm of each filter",
        "runs": "one of each network",
        **place(record),
    }
    drawn = (
        f"python -m resnet_tf landscape --ckpt {' '.join(record['checkpoints'])} "
        f"--size={size} --images={n} --output=docs/landscape"
    )
    commands = code(*map(command, configs), drawn)
    return "\n\n".join((table(head, rows), facts(known), commands))


def draw(target: Path) -> None:
    """Draws the slices as surfaces, side by side.

    The height is the logarithm of the loss, cut off at `HIGHEST`.

    Args:
        target: The file to write.
    """
    import numpy as np
    from matplotlib.figure import Figure

    slices = json.loads(RECORD.read_text())["slices"]
    figure = Figure(figsize=(10, 4), layout="constrained")
    ticks = np.log10([LOWEST, 1, 5, HIGHEST])
    for number, one in enumerate(slices, start=1):
        points = np.genfromtxt(RECORD.parent / one["table"], delimiter=",", names=True)
        side = math.isqrt(len(points))
        x, y, loss = (
            points[name].reshape(side, side) for name in ("first", "second", "loss")
        )
        axes = figure.add_subplot(1, len(slices), number, projection="3d")
        axes.plot_surface(
            x, y, np.log10(loss.clip(LOWEST, HIGHEST)),
            rstride=1, cstride=1, cmap="viridis", edgecolor="white", linewidth=0.25,
            vmin=ticks[0], vmax=ticks[-1],
        )  # fmt: skip
        axes.set_title(one["network"])
        axes.set_zticks(ticks, [f"{10**tick:g}" for tick in ticks])
        axes.set_zlim(ticks[0], ticks[-1])
        axes.set_zlabel("cross-entropy (nats)")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.view_init(elev=28, azim=-55)
    figure.savefig(target, dpi=120)


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"shortcuts": functools.partial(part, shortcuts, RECORD)}


def _share(path: Path, one: dict) -> str:
    """Returns the share of points with a lower loss than equal odds for all classes."""
    guessing = math.log(one["config"]["model"]["num_classes"])
    with open(path, newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return f"{100 * sum(loss < guessing for loss in losses) / len(losses):.0f} %"
