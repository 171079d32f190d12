"""Writes the logits of released models on generated images, `logits.json`.

    python tools/golden.py pretrained/model_20

The tests compute them again. A change of the code cannot change a model silently.
"""

import argparse
from pathlib import Path

import numpy as np

from resnet_tf.checkpoints.files import read_json, write_json
from resnet_tf.config import DataConfig
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow

LOGITS = "logits.json"
SEED, IMAGES = 0, 16
_PATCH = 4  # pixels of one color


def generated_images(config: DataConfig, seed: int = SEED) -> np.ndarray:
    """Returns patches of random colors, uint8 array (16, side, side, 3)."""
    side = config.stored_side
    patches = -(-side // _PATCH)
    # Not a `Generator`: numpy may change the numbers that follow from its seeds.
    draws = np.random.RandomState(seed).randint(
        0, 256, (IMAGES, patches, patches, 3), dtype=np.uint8
    )
    return draws.repeat(_PATCH, 1).repeat(_PATCH, 2)[:, :side, :side]


def logits(folder: Path, seed: int = SEED) -> np.ndarray:
    """Returns the logits of a checkpoint for these images, float32 (16, classes)."""
    import_tensorflow()
    from resnet_tf.checkpoints.weights import load_checkpoint
    from resnet_tf.evaluation.full_pass import FullPass

    checkpoint = load_checkpoint(folder)
    data = checkpoint.config.data
    return FullPass(checkpoint.model, data).logits(generated_images(data, seed), IMAGES)


def write_logits(folder: Path) -> None:
    """Writes `logits.json` into a released model."""
    found = logits(folder)
    record = {
        "command": f"python tools/golden.py pretrained/{folder.name}",
        "seed": SEED,
        "weights_sha256": read_json(folder / "metrics.json")["weights_sha256"],
        "logits": found.tolist(),
        **provenance(),
    }
    write_json(folder / LOGITS, record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="folders of models")
    for model in parser.parse_args().models:
        write_logits(model)
