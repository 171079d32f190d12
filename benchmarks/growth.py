"""Trains one deep network at equal cost, from scratch and grown from shallower ones.

    python benchmarks/growth.py --json_output=docs/growth/growth.json
    python benchmarks/growth.py --plans=scratch,grown --epochs=2

The cost is counted in multiply-adds, so that a busy machine favors no plan: a leg on a
shallower network has more updates because its images cost less. The measured seconds
are recorded too. Each leg is a whole schedule. If called again with the same
`--run_dir`, finished legs are not trained again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import app, flags
from harness.arguments import require_no_arguments
from harness.paths import command
from harness.plans import PLANS, plan
from harness.record import make_room, write

from resnet_tf.checkpoints.files import read_json
from resnet_tf.config import ExperimentConfig
from resnet_tf.reporting.provenance import provenance
from resnet_tf.runs.folder import SUMMARY
from resnet_tf.startup import import_tensorflow
from resnet_tf.training.legs import Legs

_COMMON = ("dataset", "mixed_precision", "seed")

flags.DEFINE_list("plans", list(PLANS), f"Plans to train, of {', '.join(PLANS)}.")
flags.DEFINE_float(
    "epochs", 6, "Cost of a plan in epochs of the deep network.", lower_bound=0
)
flags.DEFINE_enum("dataset", "cifar10", ["cifar10", "digits"], "The images.")
flags.DEFINE_enum(
    "mixed_precision", "float32", ["float32", "bfloat16"], "Type of the activations."
)
flags.DEFINE_integer("seed", 0, "Seed of every leg.", lower_bound=0)
flags.DEFINE_string("run_dir", "runs/growth", "Folder of the legs.")
flags.DEFINE_string("json_output", None, "File for the result.")


def main(argv: Sequence[str]) -> None:
    """Trains each plan, prints a line for each leg and writes the record."""
    require_no_arguments(argv)
    values = flags.FLAGS
    unknown = [name for name in values.plans if name not in PLANS]
    if unknown or not values.plans:
        raise app.UsageError(
            f"plans must be of {', '.join(PLANS)}, received {','.join(unknown)!r}", 2
        )
    make_room(values.json_output)
    import_tensorflow()
    common = {name: values[name].value for name in _COMMON}
    results = {}
    for name in values.plans:
        legs = plan(PLANS[name], values.epochs, common, Path(values.run_dir))
        results[name] = [_trained(*leg) for leg in legs]
    record = {
        "command": command("benchmarks/growth.py", sys.argv[1:]),
        "seed": values.seed,
        **provenance(),
        "dataset": values.dataset,
        "epochs": values.epochs,
        "plans": results,
    }
    write(record, values.json_output)


def _trained(config: ExperimentConfig, folder: Path, macs: int) -> dict[str, Any]:
    """Trains a leg and returns its result.

    Raises:
        RuntimeError: If the process fails.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    code = Legs(config, folder).run(None, log)
    if code:
        raise RuntimeError(f"a leg must exit with 0, received {code}; see {log}")
    summary = read_json(folder / SUMMARY)
    updates, batch = summary["step"], config.train.train_batch_size
    error, n = summary["validation_error"], summary["n_validation"]
    result = {
        "network": config.model.title,
        "init_lr": config.optimizer.init_lr,
        "updates": updates,
        "multiply_adds": macs * updates * batch,
        "seconds": summary["seconds"],
        "validation_error": error,
        "n_validation": n,
    }
    print(
        f"{folder.name}: {updates:,} updates, {summary['seconds'] / 60:.1f} min, "
        f"validation error {error:.2f} % (n = {n:,})",
        flush=True,
    )
    return result


if __name__ == "__main__":
    app.run(main)
