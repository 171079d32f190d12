"""Measures a network and the machine's peaks in alternation."""

import statistics
from dataclasses import asdict
from typing import Any

import keras

from resnet_tf.analysis.profiling import TRAIN
from resnet_tf.analysis.profiling.layers import layers
from resnet_tf.analysis.profiling.networks import inference, training
from resnet_tf.analysis.profiling.operations import profiled
from resnet_tf.analysis.profiling.peaks import Peaks, peak_works
from resnet_tf.analysis.profiling.roofline import Bound, bounds, step_operations
from resnet_tf.analysis.profiling.turns import Work, turns
from resnet_tf.config import ExperimentConfig
from resnet_tf.models import POLICIES, build_model
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.training.kernels import TENSORFLOW, take_kernels

ROUNDS = 5
_NETWORK, _PROFILED_STEPS = "network", 3


def measured(
    config: ExperimentConfig, work: str, seconds: float, profile: bool
) -> dict[str, Any]:
    """Returns the figures of one network as JSON values.

    The network and the peaks are measured in turns. The network's rate is the median
    of its turns; each peak is its best turn. `fraction_of_peak` refers to the matrix
    product of the same precision.

    Args:
        config: The experiment whose network, batch and precision are measured.
        work: "train", or "inference" for the network optimized for inference.
        seconds: Length of a turn in seconds.
        profile: Whether to profile a few steps with TensorFlow's profiler.

    Raises:
        SettingError: If this TensorFlow cannot be profiled.
    """
    precision = config.train.mixed_precision
    loop, model, kernels = _network(config, work)
    found = layers(model, loop.amount)
    record = {
        "work": work,
        "mixed_precision": precision,
        "kernels": kernels,
        "batch": loop.amount,
        "profile": _profile(loop) if profile else None,
    }
    rates = turns({_NETWORK: loop, **peak_works()}, ROUNDS, seconds)
    peaks = Peaks.of(rates)
    images = statistics.median(rates[_NETWORK])
    an_image = step_operations(found, work) // loop.amount
    rows = bounds(found, peaks, precision, work)
    return record | {
        "peaks": {
            "operations_per_second": peaks.operations,
            "copied_bytes_per_second": peaks.copied,
        },
        "images_per_second": images,
        "samples": rates[_NETWORK],
        "operations_per_image": an_image,
        "fraction_of_peak": images * an_image / peaks.operations[precision],
        "seconds_measured": loop.amount / images,
        "seconds_allowed": sum(row.seconds for row in rows),
        "layers": [_row(row) for row in rows],
    }


def _network(config: ExperimentConfig, work: str) -> tuple[Work, keras.Model, str]:
    """Returns the loop to measure, its network, and the name of its kernels."""
    if work == TRAIN:
        return training(config)
    model = build_model(
        config.model,
        dtype=POLICIES[config.train.mixed_precision],
        input_shape=config.image_shape,
    )
    model = optimize_for_inference(model)
    kernels = take_kernels(config.train)
    own = kernels != TENSORFLOW
    loop = inference(model, config.train.train_batch_size, native_kernels=own)
    return loop, model, kernels


def _profile(loop: Work) -> dict[str, Any]:
    loop.run(1)
    found = profiled(lambda: loop.run(_PROFILED_STEPS))
    return {"steps": _PROFILED_STEPS, "operations": [asdict(one) for one in found]}


def _row(bound: Bound) -> dict[str, Any]:
    """Returns the row of equal layers; all values except `macs` are for a step."""
    values = asdict(bound)
    layer = values.pop("layer")
    del layer["bytes"]
    return {**layer, **values, "seconds": bound.seconds, "bound_by": bound.bound_by}
