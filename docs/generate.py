"""Fills the generated parts of README.md from JSON files.

    python docs/generate.py            # writes README.md and docs/images
    python docs/generate.py --check    # exits with 1 if README.md is not up to date

The parts lie between `<!-- begin: NAME -->` and `<!-- end: NAME -->`.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from resnet_tf.checkpoints.files import read_config
from resnet_tf.config import DEFAULT_RECIPE, RECIPES, ModelConfig, recipe_source
from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.history import read_history
from resnet_tf.reporting.progress import duration

ROOT = Path(__file__).resolve().parents[1]


def quickstart() -> str:
    """What the first command prints, from a recorded run of it."""
    record = json.loads((ROOT / "docs/benchmarks/quickstart.json").read_text())
    return "It prints\n\n```\n" + "\n".join(record["lines"]) + "\n```"


def networks() -> str:
    """The table of the registered networks, from a recorded audit."""
    record = json.loads((ROOT / "docs/audit.json").read_text())
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
    lines = ["| recipe | what it is |", "|---|---|"]
    for name in RECIPES:
        default = " (default)" if name == DEFAULT_RECIPE else ""
        first = recipe_source(name).partition("\n")[0]
        lines.append(f"| `{name}`{default} | {first} |")
    return "\n".join(lines)


def models() -> str:
    """The table of the released models."""
    lines = [
        "| model | network | parameters | validation error | test error | training |",
        "|---|---|---|---|---|---|",
    ]
    for folder in sorted((ROOT / "pretrained").iterdir()):
        metrics = json.loads((folder / "metrics.json").read_text())
        config = read_config(folder / "config.json")
        cells = [
            f"[`{folder.name}`](pretrained/{folder.name}/README.md)",
            f"{_network(config.model)}, {config.data.dataset}",
            f"{metrics['parameters']:,}",
            *(_error(metrics, split) for split in ("validation", "test")),
            f"`{config.recipe}`, {duration(metrics['seconds'])}, "
            f"{metrics['machine']['cores']} cores",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed() -> str:
    """What the training benchmark measured."""
    record = json.loads((ROOT / "docs/benchmarks/training.json").read_text())
    figures, work = record["figures"], record["work"]
    rates = figures["images_per_second"]
    machine, versions = record["machine"], record["versions"]
    rows = "\n".join(f"| {name} | {rate:,} |" for name, rate in rates.items())
    return f"""Training ResNet-20, batch {work["batch"]}, on {machine["cores"]} cores
({machine["cpu"]}, TensorFlow {versions["tensorflow"]}, Keras {versions["keras"]});
each loop has a process of its own, and they take turns, {work["rounds"]} rounds of
{work["steps"]} updates (`python benchmarks/training.py`):

| loop | images/s (median) |
|---|---|
{rows}

Stock Keras is the same network from `keras.layers`, trained by
`keras.optimizers.SGD` in a plain `GradientTape` step on one batch in memory. Our
whole loop with the real input pipeline, in {work["precision"]}, runs at
**{figures["ratio_median"]:.2f} times** its faster form ({figures["peer"]}; median of
the rounds, {figures["ratio_min"]:.2f} to {figures["ratio_max"]:.2f}). The input
pipeline costs {figures["input_cost_percent_median"]:.1f} % of a step."""


PARTS = {
    "quickstart": quickstart,
    "networks": networks,
    "recipes": recipes,
    "models": models,
    "speed": speed,
}


def generated(text: str) -> str:
    """Returns README's text with every part made anew."""
    for name, make in PARTS.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        part = f"{begin}\n{make()}\n{end}"
        text, count = re.subn(pattern, lambda _, p=part: p, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"README.md must have one part {name!r}, found {count}")
    return text


def _network(model: ModelConfig) -> str:
    return f"ResNet-{model.layers_deep}" if model.model == "resnet" else model.model


def _error(metrics: dict, split: str) -> str:
    low, high = metrics[f"{split}_interval"]
    n = metrics[f"n_{split}"]
    return f"{metrics[f'{split}_error']:.2f} % ({low:.2f} to {high:.2f}, n = {n:,})"


def main() -> int:
    """Writes or checks README.md; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    readme = ROOT / "README.md"
    old = readme.read_text()
    new = generated(old)
    if check:
        return int(old != new)
    readme.write_text(new)
    rows = read_history(ROOT / "pretrained/model_20/history.csv")
    plot_curves(ROOT / "docs/images/model_20.png", rows, "model_20")
    return 0


if __name__ == "__main__":
    sys.exit(main())
