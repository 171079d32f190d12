"""Fits the temperature of released models on their validation images.

    python tools/calibrate.py pretrained/model_20

Writes `calibration` into `metrics.json`: the temperature, and the calibration error
with it and without it. Then writes the card again.
"""

import argparse
import dataclasses
from pathlib import Path

from card import write_card

from resnet_tf.checkpoints.files import (
    CONFIG,
    METRICS,
    read_config,
    read_json,
    write_json,
)
from resnet_tf.data.sources import ensure_available, load_split
from resnet_tf.evaluation.calibration import fit_temperature
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow

SPLITS = ("validation", "test")
_BATCH = 250


def calibrate(folder: Path) -> float:
    """Fits the temperature of a checkpoint, writes it into the metrics and returns it.

    Args:
        folder: A checkpoint whose data set is available.

    Raises:
        ValueError: If the validation images do not determine a temperature.
    """
    config = read_config(folder / CONFIG)
    data = dataclasses.replace(config.data, download=False)
    ensure_available(data)
    import_tensorflow()
    from resnet_tf.analysis.in_depth.details import BINS, trust
    from resnet_tf.evaluation.full_pass import checkpoint_pass

    full_pass = checkpoint_pass(folder, data)
    results = {name: full_pass(load_split(data, name), _BATCH) for name in SPLITS}
    fitted_on = results["validation"]
    temperature = fit_temperature(fitted_on.logits, fitted_on.labels)
    if temperature is None:
        raise ValueError(
            f"the {fitted_on.n:,} validation images do not determine a temperature"
        )
    record = {
        "command": f"python tools/calibrate.py pretrained/{folder.name}",
        "temperature": temperature,
        "fitted_on": fitted_on.split,
        "n": fitted_on.n,
        "bins": BINS,
    }
    for name, result in results.items():
        record[f"n_{name}"] = result.n
        record[f"{name}_ece_before"] = trust(result, 1.0)["ece"]
        record[f"{name}_ece_after"] = trust(result, temperature)["ece"]
    record["commit"] = provenance()["commit"]
    metrics = read_json(folder / METRICS) | {"calibration": record}
    write_json(folder / METRICS, metrics)
    return temperature


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, help="folders of models")
    for model in parser.parse_args().models:
        print(f"{model}: temperature {calibrate(model):.4f}")
        write_card(model)
