"""The card of a released model. Every number comes from the files of the model."""

from pathlib import Path

from comparison import processor
from markup import paragraph

from resnet_tf.checkpoints.files import CONFIG, METRICS, read_config, read_json
from resnet_tf.config import (
    RESNET,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    TrainConfig,
)
from resnet_tf.reporting.progress import duration

OFFICIAL_TEST_IMAGES = {"cifar10": 10_000, "cifar100": 10_000, "digits": 360}
OFFICIAL_TEST_IMAGES["cifar100_coarse"] = 10_000


def write_card(folder: Path) -> None:
    """Writes the card, README.md, of a released model."""
    config, metrics = read_config(folder / CONFIG), read_json(folder / METRICS)
    (folder / "README.md").write_text(card(folder.name, config, metrics))


def card(name: str, config: ExperimentConfig, metrics: dict) -> str:
    """Returns the model card in Markdown.

    Args:
        name: Name of the model.
        config: The config of the last run.
        metrics: The content of its `metrics.json`, as `release` wrote it.
    """
    data, train = config.data, config.train
    runs = metrics.get("legs", [metrics])
    commands = "\n".join(run["command"] for run in runs)
    history = "the run" if len(runs) == 1 else "the last run"
    rows = "\n".join(_row(metrics, split) for split in ("validation", "test"))
    speed = f"{metrics['images_per_second']:,.0f} images/s (median of the reports)"
    versions = ", ".join(f"{k} {v}" for k, v in metrics["versions"].items())
    machine = metrics["machine"]
    return f"""# {name}

{_network(config.model)} for {data.dataset},
trained by this project's own {_commands(runs)}:

```
{commands}
```

{_earlier(name, runs)}Evaluate it:

```
python eval.py --ckpt {name}
```

| split | images | error | 95 % interval (Wilson) |
|---|---|---|---|
{rows}

The errors belong to the last weights of {_one_run(runs)} (seed {train.seed}), with one
view of each image, in float32. No checkpoint was chosen by its error.
The last {data.validation_size:,} images of the official training set validate. The
network never trained on them.
The test images decided nothing.{_test_note(metrics, data)}

| | |
|---|---|
| parameters | {metrics["parameters"]:,} |
| updates | {sum(run["step"] for run in runs):,} of {train.train_batch_size} images |
{_lanes(train)}| activations in training | {train.mixed_precision} |
| time | {duration(metrics["seconds"])}, {speed} |
{_legs(runs)}| machine | {processor(machine)}, {machine["system"]} |
| versions | {versions} |
| commit | {metrics["commit"]} |
| preprocessing | {_preprocessing(data)} |
{_on_disk(metrics)}{_calibration(metrics)}\
| SHA-256 of the weights | `{metrics["weights_sha256"]}` |

Known limits:

* The network knows 32x32 photographs of ten classes. It names one of them for any
  input.
* It was trained only on the resolution, the crops and the colors of CIFAR.
* Its probabilities are {_trusted(metrics)}.

`history.csv` has every report of {history}.
"""


def _lanes(train: TrainConfig) -> str:
    """Returns the row of the lanes, empty for one lane."""
    if train.lanes == 1:
        return ""
    return f"| lanes | {train.lanes}: batch norm normalized each part by itself |\n"


def _network(model: ModelConfig) -> str:
    """Returns the title; a residual network also names its order and its shortcuts."""
    form = f' (order "{model.order}", shortcuts "{model.shortcut}")'
    return model.title + form * (model.model == RESNET)


def _commands(runs: list[dict]) -> str:
    each = "commands, each starting from the weights of the one before"
    return "command" if len(runs) == 1 else each


def _earlier(name: str, runs: list[dict]) -> str:
    """Returns notes on commands that start from an earlier run."""
    words = [word for run in runs for word in run["command"].split()]
    notes = []
    if f"--init_from={name}" in words:
        notes.append(
            f"`--init_from={name}` names the model of this name at the commit of its "
            "run, below. The run before it ended with these weights."
        )
    if any(word.startswith("--init_from=runs/") for word in words):
        notes.append(
            "A folder in `runs/` belongs to the run before. Its name comes from the "
            "settings at that commit. Later versions give it another name."
        )
    return f"{paragraph(*notes)}\n\n" if notes else ""


def _one_run(runs: list[dict]) -> str:
    return "one run" if len(runs) == 1 else f"the last of {len(runs)} runs"


def _row(metrics: dict, split: str) -> str:
    low, high = metrics[f"{split}_interval"]
    n, error = metrics[f"n_{split}"], metrics[f"{split}_error"]
    return f"| {split} | {n:,} | {error:.2f} % | {low:.2f} to {high:.2f} % |"


def _test_note(metrics: dict, data: DataConfig) -> str:
    official = OFFICIAL_TEST_IMAGES[data.dataset]
    if metrics["n_test"] >= official:
        return ""
    return (
        f"\nThe training machine had only the first {metrics['n_test']:,} of the "
        f"official {official:,} test images."
    )


def _legs(runs: list[dict]) -> str:
    """Returns a row for each run, empty for a single run."""
    if len(runs) == 1:
        return ""
    return "".join(
        f"| run {number} | {run['step']:,} updates, {duration(run['seconds'])}, "
        f"validation error {run['validation_error']:.2f} %, commit {run['commit']} |\n"
        for number, run in enumerate(runs, start=1)
    )


def _on_disk(metrics: dict) -> str:
    """Returns the row about float16 on disk, empty if it was not tried."""
    tried = metrics.get("float16")
    if tried is None:
        return ""
    rounded, full = (f"{tried[f'{t}_error']:.2f} %" for t in ("float16", "float32"))
    errors = f"validation error {rounded}, with all in float32 {full}"
    kept = "kernels in float16" if tried["kept"] else "float32; kernels in float16"
    size = f"{tried['bytes'] / 1e6:.1f} MB"
    return f"| weights on disk | {size}, {kept}: {errors} |\n"


def _calibration(metrics: dict) -> str:
    """Returns the row of the temperature, empty if none was fitted."""
    found = metrics.get("calibration")
    if found is None:
        return ""
    distances = ", ".join(
        f"{found[f'{split}_ece_before']:.2f} without and "
        f"{found[f'{split}_ece_after']:.2f} with it on {found[f'n_{split}']:,} {split} "
        "images"
        for split in ("validation", "test")
    )
    return (
        f"| temperature | {found['temperature']:.4f}, fitted on {found['n']:,} "
        f"{found['fitted_on']} images; expected calibration error in points "
        f"({found['bins']} bins): {distances} |\n"
    )


def _trusted(metrics: dict) -> str:
    if "calibration" in metrics:
        return "calibrated for its own data only"
    return "not calibrated"


def _preprocessing(data: DataConfig) -> str:
    if data.normalization == "whitening":
        return "each image to mean 0 and deviation 1"
    mean, std = (
        ", ".join(f"{value:.4f}" for value in values)
        for values in (data.channel_mean, data.channel_std)
    )
    return f"(pixel / 255 - mean) / std with mean {mean} and std {std}"
