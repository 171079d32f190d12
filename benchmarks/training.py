"""Training throughput of ResNet-20, side by side with stock Keras.

    python benchmarks/training.py --json_output=docs/benchmarks/training.json

Four loops take turns in one process, round by round, so that whatever else the
machine does falls on all of them alike: ours with the real input pipeline, ours
on one constant batch (the difference is what the input costs), and the same
network from stock `keras.layers` and `keras.optimizers.SGD` in a plain
`GradientTape` step on a batch in memory, in float32 and in bfloat16.
"""

import json
import statistics
import time
from pathlib import Path

from absl import app, flags

from resnet_tf.startup import import_tensorflow

ROUNDS = flags.DEFINE_integer("rounds", 9, "Turns of each loop.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 20, "Updates in a turn.", lower_bound=1)
DATASET = flags.DEFINE_enum(
    "dataset", "cifar10", ["cifar10", "digits"], "Images of the real pipeline."
)
JSON = flags.DEFINE_string("json_output", None, "File for the result.")
BLOCKS, BATCH = 3, 128


def main(argv) -> None:
    """Measures, prints and writes the figures."""
    if len(argv) > 1:
        raise app.UsageError(f"no argument is expected, received {argv[1]!r}", 2)
    import_tensorflow()
    loops = _loops()
    for run in loops.values():
        run(2)
    samples: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS.value):
        for name, run in loops.items():
            start = time.perf_counter()
            run(STEPS.value)
            seconds = time.perf_counter() - start
            samples[name].append(STEPS.value * BATCH / seconds)
    result = _result(samples)
    print(json.dumps(result["figures"], indent=2))
    if JSON.value:
        Path(JSON.value).parent.mkdir(parents=True, exist_ok=True)
        Path(JSON.value).write_text(json.dumps(result, indent=2) + "\n")


def _loops():
    """Returns the loops by name: functions of the number of updates."""
    import keras
    import tensorflow as tf
    from stock_keras import build_stock_resnet, make_stock_step

    from resnet_tf.config import ExperimentConfig
    from resnet_tf.data.pipeline import training_batches
    from resnet_tf.data.sources import load_split
    from resnet_tf.training.trainer import Trainer

    settings = {
        "num_residual_blocks": BLOCKS,
        "mixed_precision": "bfloat16",
        "dataset": DATASET.value,
    }
    config = ExperimentConfig.from_flat(settings, "onecycle")
    trainer = Trainer(config, tf.distribute.get_strategy())
    batches = training_batches(
        load_split(config.data, "train"), config.data, batch_size=BATCH, seed=0
    )
    real = iter(batches)
    images, labels = next(real)
    constant = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    loops = {
        "ours": lambda steps: trainer.run(real, tf.constant(steps)),
        "ours, constant batch": lambda steps: trainer.run(constant, tf.constant(steps)),
    }
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        model = build_stock_resnet(BLOCKS)
        ours, stock = (
            sum(w.shape.num_elements() for w in m.trainable_weights)
            for m in (trainer.model, model)
        )
        if ours != stock:
            raise RuntimeError(f"the networks differ: {ours} and {stock} parameters")
        step = make_stock_step(model)
        loops[f"keras {policy}"] = _repeat(step, images, labels)
    keras.config.set_dtype_policy("float32")
    return loops


def _repeat(step, images, labels):
    def run(steps: int) -> None:
        for _ in range(steps):
            loss = step(images, labels)
        loss.numpy()

    return run


def _result(samples: dict[str, list[float]]) -> dict:
    from resnet_tf.reporting.provenance import provenance

    stock = [name for name in samples if name.startswith("keras")]
    best_stock = max(stock, key=lambda name: statistics.median(samples[name]))
    input_cost = [
        100 * (constant / real - 1)
        for real, constant in zip(
            samples["ours"], samples["ours, constant batch"], strict=True
        )
    ]
    ratios = [
        ours / theirs
        for ours, theirs in zip(samples["ours"], samples[best_stock], strict=True)
    ]
    figures = {
        "images_per_second": {
            name: round(statistics.median(values)) for name, values in samples.items()
        },
        "peer": best_stock,
        "ratio_median": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "input_cost_percent_median": statistics.median(input_cost),
    }
    work = {
        "model": "resnet20",
        "order": "pre",
        "batch": BATCH,
        "precision": "bfloat16",
    }
    return {
        "work": {**work, "rounds": ROUNDS.value, "steps": STEPS.value},
        "figures": figures,
        "samples": samples,
        **provenance(),
    }


if __name__ == "__main__":
    app.run(main)
