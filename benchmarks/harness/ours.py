"""Our loops: the training step, alone or with the input pipeline, and inference.

Variants of training: "step" computes the whole batch at once. "lanes" (`--lanes`)
computes a part of the batch on each core with one thread per operation; it corresponds
to PyTorch's "2 processes", where batch norm also sees only a part of the batch. Both
use TensorFlow's kernels; "native" and "native lanes" do the same with native kernels.

Variants of inference: "native lanes" is the way of `eval.py`. "native" uses all threads
for one operation. "lanes" and "optimized" do the same with TensorFlow's kernels.
"plain" is the model as trained.
"""

from typing import Any

from harness.serve import Work, serve

import resnet_tf
from resnet_tf.machine import cores
from resnet_tf.startup import import_tensorflow, one_thread_an_operation


def make(spec: dict[str, Any]) -> Work:
    """Returns the loop for the fields of a `Loop`."""
    if spec["variant"].endswith("lanes"):
        spec = {**spec, "lanes": _lanes(spec)}
    if spec.get("lanes", 1) > 1:
        one_thread_an_operation()
    import_tensorflow()
    return {"train": _training, "inference": _inference}[spec["work"]](spec)


def _training(spec: dict[str, Any]) -> Work:
    from resnet_tf.analysis.profiling.networks import training

    config = _config(spec)
    _require_kernels(config.train.kernels)
    batches = _pipeline(spec, config.data) if spec["dataset"] else None
    work, model, kernels = training(config, batches)
    return work.run, {**_facts(spec, model), "kernels": kernels}


def _require_kernels(kernels: str) -> None:
    """Raises an ImportError with the reason if the kernels are not available."""
    from resnet_tf.native import obstacle

    if why := obstacle(kernels):
        raise ImportError(f"no native kernels: {why}")


def _inference(spec: dict[str, Any]) -> Work:
    from resnet_tf.analysis.profiling.networks import inference
    from resnet_tf.models import POLICIES, build_model
    from resnet_tf.training.kernels import TENSORFLOW, take_kernels

    _require_kernels(_kernels(spec))
    model = build_model(_config(spec).model, dtype=POLICIES[spec["precision"]])
    kernels = take_kernels(_config(spec).train)
    facts = {**_facts(spec, model), "kernels": kernels}
    if spec["variant"] != "plain":
        model = resnet_tf.optimize_for_inference(model)
    lanes, own = spec.get("lanes", 1), kernels != TENSORFLOW
    return inference(model, spec["batch"], lanes, native_kernels=own).run, facts


def _lanes(spec: dict[str, Any]) -> int:
    """Returns the number of lanes: one per core; in training, lanes of equal size."""
    if spec["work"] == "inference":
        return cores()
    return max(n for n in range(1, cores() + 1) if spec["batch"] % n == 0)


def _config(spec: dict[str, Any]):
    from resnet_tf.config import ExperimentConfig

    settings = {
        "model": spec["model"],
        "mixed_precision": spec["precision"],
        "train_batch_size": spec["batch"],
        "dataset": spec["dataset"] or "cifar10",
        "weight_decay": 1e-4,
        "kernels": _kernels(spec),
    }
    if spec["work"] == "train":
        settings["lanes"] = spec.get("lanes", 1)
    if spec["model"].startswith("resnet"):
        settings |= {"order": "pre", "shortcut": "A-pool", "stride_padding": "end"}
    return ExperimentConfig.from_flat(settings)


def _kernels(spec: dict[str, Any]) -> str:
    if not spec.get("variant", "").startswith("native"):
        return "tensorflow"
    return f"native_{spec['cpu']}" if spec.get("cpu") else "native"


def _pipeline(spec: dict[str, Any], config):
    """Returns the batches of the input pipeline."""
    from resnet_tf.data.pipeline import training_batches
    from resnet_tf.data.sources import load_split

    split = load_split(config, "train")
    return training_batches(split, config, batch_size=spec["batch"], seed=0)


def _facts(spec: dict[str, Any], model) -> dict[str, Any]:
    from resnet_tf.analysis.audit.facts import facts
    from resnet_tf.analysis.profiling.layers import layers
    from resnet_tf.analysis.profiling.roofline import step_operations

    return {
        "amount": spec["batch"],
        "parameters": facts(model).parameters,
        "operations_per_image": step_operations(layers(model, 1), spec["work"]),
    }


if __name__ == "__main__":
    serve(make)
