"""Our loops: the training step, alone or with the input pipeline, and inference."""

from typing import Any

from harness.serve import Work, serve

import resnet_tf
from resnet_tf.startup import import_tensorflow


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop of a `Loop` as a dict."""
    import_tensorflow()
    return {"train": _training, "inference": _inference}[spec["work"]](spec)


def _training(spec: dict[str, Any]) -> Work:
    import tensorflow as tf

    from resnet_tf.training.trainer import Trainer

    config = _config(spec)
    trainer = Trainer(config, tf.distribute.get_strategy())
    iterator = iter(_batches(spec, config.data))

    def run(steps: int) -> None:
        trainer.run(iterator, tf.constant(steps))
        trainer.metrics.result()

    return run, _facts(spec, trainer.model)


def _inference(spec: dict[str, Any]) -> Work:
    import tensorflow as tf

    from resnet_tf.models import POLICIES, build_model

    model = build_model(_config(spec).model, dtype=POLICIES[spec["precision"]])
    facts = _facts(spec, model)
    if spec["variant"] == "optimized":
        model = resnet_tf.optimize_for_inference(model)
    predict = tf.function(lambda images: model(images, training=False))
    images = tf.random.stateless_normal((spec["batch"], 32, 32, 3), (0, 0))

    def run(steps: int) -> None:
        for _ in range(steps):
            logits = predict(images)
        logits.numpy()

    return run, facts


def _config(spec: dict[str, Any]):
    from resnet_tf.config import ExperimentConfig

    settings = {
        "model": spec["model"],
        "mixed_precision": spec["precision"],
        "train_batch_size": spec["batch"],
        "dataset": spec["dataset"] or "cifar10",
        "weight_decay": 1e-4,
    }
    if spec["model"].startswith("resnet"):
        settings["order"] = "pre"
    return ExperimentConfig.from_flat(settings)


def _batches(spec: dict[str, Any], config):
    """Returns the pipeline's batches, or one batch in memory again and again."""
    import tensorflow as tf

    from resnet_tf.data.pipeline import training_batches
    from resnet_tf.data.sources import load_split

    size = spec["batch"]
    if spec["dataset"]:
        split = load_split(config, "train")
        return training_batches(split, config, batch_size=size, seed=0)
    images = tf.random.stateless_normal((size, 32, 32, 3), (0, 0))
    labels = tf.random.stateless_uniform((size,), (0, 0), 0, 10, tf.int32)
    return tf.data.Dataset.from_tensors((images, labels)).repeat()


def _facts(spec: dict[str, Any], model) -> dict[str, Any]:
    from resnet_tf.models.audit.facts import facts

    counted = facts(model)
    return {
        "amount": spec["batch"],
        "parameters": counted.parameters,
        "macs": counted.macs,
    }


if __name__ == "__main__":
    serve(make)
