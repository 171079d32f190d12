"""Stores released models in half of the bytes, if their error stays the same.

    python tools/shrink.py pretrained/model_20

The kernels become float16 if the error on the validation images does not change. Then
errors, temperature, logits and card are computed from the new weights.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from calibrate import calibrate
from card import write_card
from golden import write_logits

import resnet_tf
from resnet_tf.checkpoints.files import METRICS, WEIGHTS, read_json, write_json


def shrink(folder: Path) -> bool:
    """Stores the kernels of a checkpoint in float16 and notes it in its metrics.

    Args:
        folder: A checkpoint whose data set is available.

    Returns:
        Whether the kernels are float16 now. If not, the weights are unchanged.
    """
    full = _result(folder, "validation")
    # Imports TensorFlow, which `evaluate` has done quietly.
    from resnet_tf.checkpoints.half import write_half
    from resnet_tf.checkpoints.weights import replace_weights

    with tempfile.TemporaryDirectory() as temporary:
        trial, file = Path(temporary) / "trial", Path(temporary) / WEIGHTS
        shutil.copytree(folder, trial)
        write_half(folder / WEIGHTS, file)
        replace_weights(trial, file)
        half = _result(trial, "validation")
        kept = half["error"] == full["error"]
        if kept:
            partial = folder / f"partial.{WEIGHTS}"
            shutil.copyfile(trial / WEIGHTS, partial)
            replace_weights(folder, partial)
    metrics = read_json(folder / METRICS)
    metrics["float16"] = {
        "kept": kept,
        "float16_error": half["error"],
        "float32_error": full["error"],
        "n": half["n"],
        "bytes": (folder / WEIGHTS).stat().st_size,
    }
    if kept:
        for split in ("validation", "test"):
            metrics |= _errors(_result(folder, split), split)
    write_json(folder / METRICS, metrics)
    return kept


def _result(folder: Path, split: str) -> dict:
    return resnet_tf.evaluate(folder, split, download=False)


def _errors(result: dict, split: str) -> dict:
    return {
        f"{split}_error": result["error"],
        f"n_{split}": result["n"],
        f"{split}_interval": result["interval"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="folders of models")
    for model in parser.parse_args().models:
        print(f"{model}: {'float16' if shrink(model) else 'stays as it is'}")
        calibrate(model)
        write_logits(model)
        write_card(model)
