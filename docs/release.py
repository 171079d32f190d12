"""Turns a finished run into a released model with its card.

    python docs/release.py runs/MY_RUN pretrained/model_20

Copies the last weights, the config and the history, and writes `metrics.json`
and the card, every number of which comes from the run's own files.
"""

import argparse
import math
import shutil
from pathlib import Path

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    WEIGHTS,
    read_config,
    read_json,
    write_json,
)
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.evaluation.statistics import wilson_interval
from resnet_tf.reporting.progress import duration

OFFICIAL_TEST_IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "digits": 360}
_KEPT = ("seconds", "images_per_second", "seed", "versions", "commit", "machine")


def release(run: Path, target: Path) -> None:
    """Writes the released model `target` from the finished run `run`."""
    target.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, CONFIG, "history.csv"):
        shutil.copyfile(run / name, target / name)
    write_json(target / METRICS, read_json(run / METRICS))
    model = load_checkpoint(target).model
    summary = read_json(run / "summary.json")
    metrics = read_json(run / METRICS) | {name: summary[name] for name in _KEPT}
    for split in ("validation", "test"):
        metrics[f"{split}_interval"] = list(_interval(metrics, split))
    config = read_config(run / CONFIG)
    metrics["command"] = command(config)
    metrics["parameters"] = sum(math.prod(w.shape) for w in model.trainable_weights)
    write_json(target / METRICS, metrics)
    (target / "README.md").write_text(card(target.name, config, metrics))


def command(config: ExperimentConfig) -> str:
    """Returns the command line that has this config."""
    recipe = ExperimentConfig.from_flat({}, config.recipe)
    explicit = differences(recipe, config)
    words = [f"--{name}={value}" for name, (_, value) in explicit.items()]
    return " ".join(["python train.py", f"--recipe={config.recipe}", *words])


def card(name: str, config: ExperimentConfig, metrics: dict) -> str:
    """Returns the model card in Markdown."""
    model, data, train = config.model, config.data, config.train
    official = OFFICIAL_TEST_IMAGES[data.dataset]
    rows = "\n".join(_row(metrics, split) for split in ("validation", "test"))
    speed = f"{metrics['images_per_second']:,.0f} images/s (median of the reports)"
    versions = ", ".join(f"{k} {v}" for k, v in metrics["versions"].items())
    machine = metrics["machine"]
    partial = metrics["n_test"] < official
    test_note = (
        f"The test images are the first {metrics['n_test']:,} of the official "
        f"{official:,}: all that the training machine had. "
        if partial
        else ""
    )
    return f"""# {name}

ResNet-{model.layers_deep} (order "{model.order}") for {data.dataset}, trained by
this project's own command:

```
{metrics["command"]}
python eval.py --ckpt {name}
```

| split | images | error | 95 % interval (Wilson) |
|---|---|---|---|
{rows}

The errors are those of the last weights of one run (seed {train.seed}), single
view, float32; no checkpoint was chosen. The validation images are the last
{data.validation_size:,} of the official training set and were never trained on; the
test images decided nothing. {test_note}

| | |
|---|---|
| parameters | {metrics["parameters"]:,} |
| updates | {metrics["step"]:,} of {train.train_batch_size} images |
| activations in training | {train.mixed_precision} |
| time | {duration(metrics["seconds"])}, {speed} |
| machine | {machine["cpu"]}, {machine["cores"]} cores, {machine["system"]} |
| versions | {versions} |
| commit | {metrics["commit"]} |
| preprocessing | {_preprocessing(data)} |
| SHA-256 of the weights | `{metrics["weights_sha256"]}` |

Known limits: it knows 32x32 photographs of ten classes and names one of them for
any input; its probabilities are not calibrated; other resolutions, crops or
colours than CIFAR's were never tried. `history.csv` has every report of the run.
"""


def _interval(metrics: dict, split: str) -> tuple[float, float]:
    n = metrics[f"n_{split}"]
    return wilson_interval(round(metrics[f"{split}_error"] * n / 100), n)


def _row(metrics: dict, split: str) -> str:
    low, high = metrics[f"{split}_interval"]
    n, error = metrics[f"n_{split}"], metrics[f"{split}_error"]
    return f"| {split} | {n:,} | {error:.2f} % | {low:.2f} to {high:.2f} % |"


def _preprocessing(data) -> str:
    if data.normalization == "whitening":
        return "each image to mean 0 and deviation 1"
    mean, std = (
        ", ".join(f"{value:.4f}" for value in values)
        for values in (data.channel_mean, data.channel_std)
    )
    return f"(pixel / 255 - mean) / std with mean {mean} and std {std}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("target", type=Path, help="folder of the released model")
    arguments = parser.parse_args()
    release(arguments.run, arguments.target)
