"""Training throughput of ResNet-20, side by side with stock Keras.

    python benchmarks/training.py --json_output=docs/benchmarks/training.json

Four loops, each in a process of its own, take turns round by round, so that
whatever else the machine does falls on all of them alike: ours with the real
input pipeline, ours on one constant batch (the difference is what the input
costs), and the same network from stock `keras.layers` and
`keras.optimizers.SGD` in a plain `GradientTape` step on a batch in memory, in
float32 and in bfloat16.
"""

import json
import multiprocessing
import statistics
import time
from pathlib import Path

from absl import app, flags

from resnet_tf.startup import import_tensorflow

ROUNDS = flags.DEFINE_integer("rounds", 15, "Turns of each loop.", lower_bound=1)
STEPS = flags.DEFINE_integer("steps", 20, "Updates in a turn.", lower_bound=1)
DATASET = flags.DEFINE_enum(
    "dataset", "cifar10", ["cifar10", "digits"], "Images of the real pipeline."
)
JSON = flags.DEFINE_string("json_output", None, "File for the result.")
BLOCKS, BATCH = 3, 128
REAL, CONSTANT = "ours, real input", "ours, one batch"
STOCK = {"stock Keras, float32": "float32", "stock Keras, bfloat16": "mixed_bfloat16"}


def main(argv) -> None:
    """Measures, prints and writes the figures."""
    if len(argv) > 1:
        raise app.UsageError(f"no argument is expected, received {argv[1]!r}", 2)
    names = [REAL, CONSTANT, *STOCK]
    workers = {name: _Worker(name) for name in names}
    for worker in workers.values():
        worker.turn(3)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(ROUNDS.value):
        # Another one begins each round: no loop always follows the same other.
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            seconds = workers[name].turn(STEPS.value)
            samples[name].append(STEPS.value * BATCH / seconds)
    for worker in workers.values():
        worker.stop()
    result = _result(samples)
    print(json.dumps(result["figures"], indent=2))
    if JSON.value:
        Path(JSON.value).parent.mkdir(parents=True, exist_ok=True)
        Path(JSON.value).write_text(json.dumps(result, indent=2) + "\n")


class _Worker:
    """A loop in a process of its own, asleep but for its turns."""

    def __init__(self, name: str):
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        arguments = (name, DATASET.value, other)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()

    def turn(self, steps: int) -> float:
        """Does `steps` updates and returns their seconds."""
        self._pipe.send(steps)
        return self._pipe.recv()

    def stop(self) -> None:
        """Ends the process."""
        self._pipe.send(0)
        self._process.join()


def _serve(name: str, dataset: str, pipe) -> None:
    import_tensorflow()
    run = _stock_loop(STOCK[name]) if name in STOCK else _our_loop(dataset, name)
    while steps := pipe.recv():
        start = time.perf_counter()
        run(steps)
        pipe.send(time.perf_counter() - start)


def _our_loop(dataset: str, name: str):
    """Returns our loop: a function of the number of updates."""
    import tensorflow as tf

    from resnet_tf.config import ExperimentConfig
    from resnet_tf.data.pipeline import training_batches
    from resnet_tf.data.sources import load_split
    from resnet_tf.training.trainer import Trainer

    settings = {
        "num_residual_blocks": BLOCKS,
        "mixed_precision": "bfloat16",
        "dataset": dataset,
    }
    config = ExperimentConfig.from_flat(settings, "onecycle")
    trainer = Trainer(config, tf.distribute.get_strategy())
    split = load_split(config.data, "train")
    batches = training_batches(split, config.data, batch_size=BATCH, seed=0)
    if name == CONSTANT:
        batches = tf.data.Dataset.from_tensors(next(iter(batches))).repeat()
    iterator = iter(batches)

    def run(steps: int) -> None:
        trainer.run(iterator, tf.constant(steps))
        trainer.metrics.result()

    return run


def _stock_loop(policy: str):
    """Returns the loop of stock Keras: a function of the number of updates."""
    import keras
    import tensorflow as tf
    from peers.keras_networks import build
    from stock_keras import make_stock_step

    from resnet_tf import ModelConfig, build_resnet

    keras.config.set_dtype_policy(policy)
    model = build(f"resnet{6 * BLOCKS + 2}")
    ours = build_resnet(ModelConfig(num_residual_blocks=BLOCKS))
    shapes, expected = (
        sorted(tuple(w.shape) for w in m.trainable_weights) for m in (model, ours)
    )
    if shapes != expected:
        raise RuntimeError("the networks differ in the shapes of their weights")
    step = make_stock_step(model)
    images = tf.random.stateless_normal((BATCH, 32, 32, 3), (0, 0))
    labels = tf.random.stateless_uniform((BATCH,), (0, 0), 0, 10, tf.int32)

    def run(steps: int) -> None:
        for _ in range(steps):
            loss = step(images, labels)
        loss.numpy()

    return run


def _result(samples: dict[str, list[float]]) -> dict:
    from resnet_tf.reporting.provenance import provenance

    medians = {name: statistics.median(rates) for name, rates in samples.items()}
    peer = max(STOCK, key=medians.get)
    ratios = [a / b for a, b in zip(samples[REAL], samples[peer], strict=True)]
    cost = [a / b - 1 for a, b in zip(samples[CONSTANT], samples[REAL], strict=True)]
    return {
        "work": {
            "model": "resnet20",
            "order": "pre",
            "batch": BATCH,
            "precision": "bfloat16",
            "rounds": ROUNDS.value,
            "steps": STEPS.value,
        },
        "figures": {
            "images_per_second": {name: round(rate) for name, rate in medians.items()},
            "peer": peer,
            "ratio_median": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
            "input_cost_percent_median": 100 * statistics.median(cost),
        },
        "samples": samples,
        **provenance(),
    }


if __name__ == "__main__":
    app.run(main)
