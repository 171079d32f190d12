"""Turns a finished run into a released model with its card.

    python tools/release.py runs/MY_RUN pretrained/model_20
    python tools/release.py runs/LEG_2 pretrained/model_20 --after runs/LEG_1 --float16
    python tools/release.py runs/GROWN pretrained/model_56 --after pretrained/model_20
    python tools/release.py runs/BETTER pretrained/model_56 --after pretrained/model_56

Copies the last weights, the config and the history. Writes `metrics.json`,
`logits.json` and the card. Every number comes from the files of the runs, or is
computed from the weights and the data set. `calibrate.py` computes the temperature.
"""

import argparse
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from calibrate import calibrate
from card import write_card
from golden import write_logits
from shrink import shrink

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    file_sha256,
    read_config,
    read_json,
    write_json,
)
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.evaluation.counts import wilson_interval
from resnet_tf.runs.folder import HISTORY, SUMMARY
from resnet_tf.startup import import_tensorflow

_KEPT = ("seconds", "images_per_second", "seed", "versions", "commit", "machine")
_OF_A_LEG = ("step", "seconds", "validation_error", "n_validation", "commit")


def release(
    run: Path, target: Path, earlier: Sequence[Path] = (), *, float16: bool = False
) -> None:
    """Writes the released model `target` from the finished run `run`.

    Args:
        run: Folder of the run.
        target: Folder of the released model.
        earlier: The runs or released models that it started from, in order.
        float16: Whether to store the kernels in float16, if `shrink` allows it.
    """
    import_tensorflow()
    from resnet_tf.checkpoints.weights import load_checkpoint

    # First, because the target may be one of these folders and is overwritten.
    legs = [leg for folder in (*earlier, run) for leg in _legs(folder)]
    target.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, CONFIG, HISTORY):
        shutil.copyfile(run / name, target / name)
    write_json(target / METRICS, read_json(run / METRICS))
    model = load_checkpoint(target).model
    summary = read_json(run / SUMMARY)
    metrics = read_json(run / METRICS) | {name: summary[name] for name in _KEPT}
    for split in ("validation", "test"):
        metrics[f"{split}_interval"] = list(_interval(metrics, split))
    # Runs of earlier versions lack it.
    metrics["config_sha256"] = file_sha256(target / CONFIG)
    metrics["command"] = command(read_config(run / CONFIG))
    metrics["parameters"] = sum(math.prod(w.shape) for w in model.trainable_weights)
    if earlier:
        metrics["legs"] = legs
        metrics["seconds"] = sum(leg["seconds"] for leg in legs)
    write_json(target / METRICS, metrics)
    if float16:
        shrink(target)
    calibrate(target)
    write_logits(target)
    write_card(target)


def command(config: ExperimentConfig) -> str:
    """Returns the command line that gives this config."""
    network = config.model.model
    recipe = ExperimentConfig.from_flat({}, config.recipe)
    words = [] if recipe.model.model == network else [f"--model={network}"]
    # A recipe of the same family has the same settings.
    recipe = ExperimentConfig.from_flat({"model": network}, config.recipe)
    explicit = differences(recipe, config)
    if config.train.mixed_precision != "float32":
        explicit.pop("kernels", None)  # only TensorFlow's kernels compute in it
    words += [f"--{name}={value}" for name, (_, value) in explicit.items()]
    return " ".join(["python train.py", f"--recipe={config.recipe}", *words])


def _legs(folder: Path) -> list[dict]:
    """Returns the runs that led to a folder: a run itself, or the runs of a model."""
    summary = folder / SUMMARY
    metrics = read_json(summary if summary.exists() else folder / METRICS)
    if "legs" in metrics:
        return metrics["legs"]
    leg = {"command": command(read_config(folder / CONFIG))}
    return [leg | {name: metrics[name] for name in _OF_A_LEG}]


def _interval(metrics: dict, split: str) -> tuple[float, float]:
    n = metrics[f"n_{split}"]
    return wilson_interval(round(metrics[f"{split}_error"] * n / 100), n)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("target", type=Path, help="folder of the released model")
    parser.add_argument(
        "--after",
        type=Path,
        nargs="+",
        default=[],
        help="runs or models before it, in order",
    )
    parser.add_argument(
        "--float16", action="store_true", help="store kernels in float16, see shrink.py"
    )
    arguments = parser.parse_args()
    release(arguments.run, arguments.target, arguments.after, float16=arguments.float16)
