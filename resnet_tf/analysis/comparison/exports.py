"""Reads the records of exported files for a comparison with their networks."""

from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import read_json
from resnet_tf.checkpoints.schema import require_export
from resnet_tf.errors import CheckpointError, SettingError
from resnet_tf.evaluation.counts import wilson_interval


def read_export(path: Path) -> dict[str, Any]:
    """Returns the row of a comparison for an exported file, as JSON values.

    Args:
        path: A file that `export --json_output` wrote.

    Returns:
        A dict of `label`, `images` (the images it was run on), `n`, `error` and its
        95 % Wilson `interval` in percent (None without the data set), `parameters`,
        `bytes`, `latency` (milliseconds by batch size), `runtime` and `machine`.

    Raises:
        CheckpointError: If the file is missing or of another kind, or a value is wrong.
    """
    found = read_json(path)
    if not {"format", "metadata"} <= found.keys():
        raise CheckpointError(
            f"{path} must be a file that export --json_output wrote, received another"
        )
    require_export(path, found)
    about, error, n = found["metadata"], found.get("error"), found["n"]
    wrong = None if error is None else round(error * n / 100)
    return {
        "label": f"{about['checkpoint']} as {found['format']}",
        "images": found["images"],
        "n": n,
        "error": error,
        "interval": None if wrong is None else list(wilson_interval(wrong, n)),
        "parameters": about["parameters"],
        "bytes": found["bytes"],
        "latency": {"1": found["latency_ms"]},
        "runtime": found["runtime"],
        "machine": {key: found["machine"][key] for key in ("cpu", "cores")},
    }


def require_dataset(exports: list[dict[str, Any]], dataset: str) -> None:
    """Raises unless all exports were run on the test images of a data set.

    Raises:
        SettingError: If an export was run on other images.
    """
    for export in exports:
        if export["images"] != f"{dataset} test" or export["error"] is None:
            raise SettingError(
                f"exports must have been run on {dataset} test images, "
                f"{export['label']} was run on {export['images']} images"
            )
