"""The card of imported weights, README.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resnet_tf.config import DataConfig
from resnet_tf.interop.source import Source
from resnet_tf.shell import word


def card(source: Source, metrics: Mapping[str, Any], folder: Path, split: str) -> str:
    """Returns the card as Markdown.

    Args:
        source: What was imported.
        metrics: What `import_weights` returns.
        folder: The checkpoint folder.
        split: The images of the measured error.
    """
    files = "\n".join(
        f"| SHA-256 of `{name}` | `{digest}` |"
        for name, digest in metrics["source_sha256"].items()
    )
    notes = "".join(f"\n{note}\n" for note in source.notes)
    return f"""# {folder.name}

{source.family}, imported from `{source.files[0].name}`.
The weights are that project's, under its licence: {source.url}

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
| tensors | {metrics["tensors"]}, each of the network used once and none missing |
| parameters | {metrics["parameters"]:,} |
| largest difference of a logit from PyTorch's | {_difference(metrics)} |
| network | {_network(source)} |
| batch norm in evaluation | {_batch_norm(source)} |
| preprocessing | {preprocessing(source.config.data)} |
| SHA-256 of the weights | `{metrics["weights_sha256"]}` |
{notes}
The import checked the name, the shape and the finiteness of each tensor, and that no
name occurs twice. It cannot check what the numbers mean: two tensors of one shape that
are swapped, or weights of another training, pass. The measured error tells.

The published error is what the authors state of this network, not of this file.
`config.json` holds the network and its preprocessing; what it says of the
training is only near the authors'.
"""


def preprocessing(data: DataConfig) -> str:
    """Returns in words how images are normalised and fitted."""
    text = "each image less its mean, divided by its deviation"
    if data.normalization == "mean_std":
        mean, std = (
            ", ".join(f"{x:.4f}" for x in values)
            for values in (data.channel_mean, data.channel_std)
        )
        text = f"(pixel / 255 - mean) / std with mean {mean} and std {std}"
    if data.resize:
        return f"resized to {data.resize}, centre {data.image_size}, {text}"
    return text


def _network(source: Source) -> str:
    model = source.config.to_dict()["model"]
    names = ("model", "num_residual_blocks", "order", "shortcut", "activation")
    values = [f"{name}={model[name]}" for name in names if name in model]
    return ", ".join([*values, f"num_classes={model['num_classes']}"])


def _batch_norm(source: Source) -> str:
    if source.averaged_images is not None:
        origin = f"computed here from {source.averaged_images:,} training images"
    else:
        origin = "those of the file" if source.averages else "none"
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
        f"images at hand | 95 % interval (Wilson) {low:.2f} to {high:.2f} % |"
    )
