"""Writes the card (README.md) of imported weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnet_tf.config import DataConfig
from resnet_tf.interop.source import Source
from resnet_tf.shell import word


def card(source: Source, metrics: Mapping[str, Any], folder: Path, split: str) -> str:
    """Returns the card as Markdown.

    Args:
        source: Imported weights.
        metrics: Metrics that `import_weights` returns.
        folder: Checkpoint folder.
        split: Split of the measured error, e.g. "test".
    """
    files = "\n".join(
        f"| SHA-256 of `{name}` | `{digest}` |"
        for name, digest in metrics["source_sha256"].items()
    )
    notes = "".join(f"\n{note}\n" for note in source.notes)
    return f"""# {folder.name}

{source.family}, imported from `{source.files[0].name}`.
The weights belong to that project and are under its license: {source.url}

```
python eval.py --ckpt {word(folder)}
```

| error | images | |
|---|---|---|
{_published(metrics)}
{_measured(metrics, split)}

| | |
|---|---|
{files}
| tensors | {metrics["tensors"]}: each tensor of the network once, none missing |
| parameters | {metrics["parameters"]:,} |
| largest difference of a logit from PyTorch's | {_difference(metrics)} |
| network | {_network(source)} |
| batch norm in evaluation | {_batch_norm(source)} |
| preprocessing | {preprocessing(source.config.data)} |
| SHA-256 of the weights | `{metrics["weights_sha256"]}` |
{notes}
The import checked that each tensor has the right name and shape and finite values, and
that no name occurs twice. It cannot detect two swapped tensors of the same shape, or
weights from another training. The measured error shows such faults.

The authors published the error for this network, not for this file.
`config.json` holds the network and its preprocessing. Its training settings are close
to the authors' settings, not equal.
"""


def preprocessing(data: DataConfig) -> str:
    """Describes in words how images are resized and normalized."""
    text = "each image minus its mean, divided by its standard deviation"
    if data.normalization == "mean_std":
        mean, std = (
            ", ".join(f"{x:.4f}" for x in values)
            for values in (data.channel_mean, data.channel_std)
        )
        text = f"(pixel / 255 - mean) / std with mean {mean} and std {std}"
    if data.resize:
        return f"resized to {data.resize}, center crop of {data.image_size}, {text}"
    return text


def _network(source: Source) -> str:
    model = source.config.to_dict()["model"]
    names = ("model", "num_residual_blocks", "order", "shortcut", "activation")
    values = [f"{name}={model[name]}" for name in names if name in model]
    return ", ".join([*values, f"num_classes={model['num_classes']}"])


def _batch_norm(source: Source) -> str:
    if source.averaged_images is not None:
        origin = f"computed from {source.averaged_images:,} training images"
    else:
        origin = "from the file" if source.averages else "none"
    return f"bn_eval={source.config.model.bn_eval}; moving averages: {origin}"


def _difference(metrics: Mapping[str, Any]) -> str:
    value = metrics["pytorch_difference"]
    return "not compared" if value is None else f"{value:.1e}, on 16 generated images"


def _published(metrics: Mapping[str, Any]) -> str:
    if metrics["published_error"] is None:
        return "| unknown | published | |"
    return f"| {metrics['published_error']:.2f} % | published | " + (
        f"{metrics['published_where']} |"
    )


def _measured(metrics: Mapping[str, Any], split: str) -> str:
    if "not_evaluated" in metrics:
        return f"| not measured | {split} | {metrics['not_evaluated']} |"
    low, high = metrics[f"{split}_interval"]
    return (
        f"| {metrics[f'{split}_error']:.2f} % | {metrics[f'n_{split}']:,} {split} "
        f"images | 95 % interval (Wilson) {low:.2f} to {high:.2f} % |"
    )
