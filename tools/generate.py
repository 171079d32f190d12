"""Writes the tables and figures of README.md and docs from the JSON records.

    python tools/generate.py            # writes the pages and docs/images
    python tools/generate.py --check    # exits with 1 if a page is not up to date

A table lies between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. The text around it
is written by hand.
"""

import argparse
import functools
import json
import re
import sys

import commands
import evaluation
import exports
import growing
import intervals
import ledger
import performance
import photographs
import recipes as recipe_sources
import reliability
import resnet_or_densenet
import scale
import shortcuts
import tutorial
from markup import error, network
from paths import DOCS, ROOT

from resnet_tf.analysis.in_depth.pictures import draw_reliability
from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.resolve import pretrained_names
from resnet_tf.config import DEFAULT_RECIPE, RECIPES, recipe_source
from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.progress import duration
from resnet_tf.runs.history import read_history


def quickstart() -> str:
    """The recorded output of the first command."""
    record = json.loads((DOCS / "benchmarks/quickstart.json").read_text())
    return "```\n" + "\n".join(record["lines"]) + "\n```"


def networks() -> str:
    """The table of the networks, from a recorded audit."""
    record = json.loads((DOCS / "audit.json").read_text())
    lines = [
        "| network | parameters | conv / BN / FC | MACs | published | audit |",
        "|---|---|---|---|---|---|",
    ]
    for row in record["networks"]:
        facts, reference = row["facts"], row["reference"]
        split = (f"{facts[key]:,}" for key in ("conv", "batch_norm", "dense"))
        source = re.sub(
            r"[\w.-]+\.(com|io|org)/\S*[\w/]", r"<https://\g<0>>", reference["source"]
        )
        classes = reference["figure_classes"]
        at = f" ({classes} classes)" if classes != 10 else ""
        cells = [
            f"`{row['name']}`",
            f"{facts['parameters']:,}",
            " / ".join(split),
            f"{facts['macs'] / 1e6:,.2f} M",
            f"{reference['figure'] or 'described'}{at}, {source}",
            row["verdict"],
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def recipes() -> str:
    """The table of the recipes, from their docstrings."""
    lines = ["| recipe | source |", "|---|---|"]
    for name in RECIPES:
        default = " (default)" if name == DEFAULT_RECIPE else ""
        first = recipe_source(name).partition("\n")[0]
        lines.append(f"| `{name}`{default} | {first} |")
    return "\n".join(lines)


def models(root: str = "") -> str:
    """The table of the released models.

    Args:
        root: Path from the page to the root of the clone, with a slash at the end.
    """
    lines = [
        "| model | network | parameters | validation error | test error | training |",
        "|---|---|---|---|---|---|",
    ]
    for name in pretrained_names():
        folder = ROOT / "pretrained" / name
        metrics = json.loads((folder / "metrics.json").read_text())
        config = read_config(folder / "config.json")
        cells = [
            f"[`{name}`]({root}pretrained/{name}/README.md)",
            f"{network(config.model)}, {config.data.dataset}",
            f"{metrics['parameters']:,}",
            *(
                error(metrics[f"{split}_error"], metrics[f"n_{split}"])
                for split in ("validation", "test")
            ),
            f"`{config.recipe}`, {duration(metrics['seconds'])}, "
            f"{metrics['machine']['cores']} cores",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


README = {"quickstart": quickstart, "models": models}
INDEX = {"commands": commands.index}
PAGES = {
    "README.md": lambda: README,
    "docs/README.md": lambda: INDEX,
    "docs/exit_codes.md": lambda: {"codes": commands.exit_codes},
    "docs/models.md": lambda: {"models": functools.partial(models, "../")},
    "docs/networks.md": lambda: {"networks": networks},
    "docs/photographs.md": photographs.parts,
    "docs/evaluation.md": evaluation.parts,
    "docs/export.md": exports.parts,
    "docs/growth.md": growing.parts,
    "docs/intervals.md": intervals.parts,
    "docs/landscape.md": shortcuts.parts,
    "docs/ledger.md": ledger.parts,
    "docs/performance.md": performance.parts,
    "docs/recipes.md": lambda: {"overview": recipes, **recipe_sources.parts()},
    "docs/reliability.md": reliability.parts,
    "docs/resnet_or_densenet.md": resnet_or_densenet.parts,
    "docs/runs.md": lambda: {"free_settings": commands.free_settings},
    "docs/scale.md": scale.parts,
    "docs/tutorial.md": tutorial.parts,
    **commands.pages(),
}


def generated(page: str, text: str) -> str:
    """Returns the text of a page with new parts.

    Raises:
        ValueError: If the text does not have every part exactly once.
    """
    for name, make in PAGES[page]().items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        part = f"{begin}\n{make()}\n{end}"
        text, count = re.subn(pattern, lambda _, p=part: p, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{page} must have one part {name!r}, found {count}")
    return text


def _read(page: str) -> str:
    path = ROOT / page
    return path.read_text() if path.exists() else ""


def main() -> int:
    """Writes or checks the pages; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    new = {page: generated(page, _read(page)) for page in PAGES}
    if check:
        stale = [page for page, text in new.items() if text != _read(page)]
        for page in stale:
            print(f"{page} is not up to date", file=sys.stderr)
        return int(bool(stale))
    for page, text in new.items():
        (ROOT / page).write_text(text)
    rows = read_history(ROOT / "pretrained/model_20/history.csv")
    plot_curves(DOCS / "images/model_20.png", rows, "model_20")
    shortcuts.draw(DOCS / "images/shortcuts.png")
    draw_reliability(DOCS / "images/reliability.png", evaluation.read())
    return 0


if __name__ == "__main__":
    sys.exit(main())
