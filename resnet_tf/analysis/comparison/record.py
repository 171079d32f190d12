"""Computes the figures of a comparison as JSON values; a report contains only these."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from resnet_tf.analysis.audit.facts import facts
from resnet_tf.analysis.comparison.advice import advise
from resnet_tf.analysis.comparison.runs import FinishedRun, on_test_images
from resnet_tf.analysis.errors import error_figures, pair_figures
from resnet_tf.analysis.profiling.networks import inference
from resnet_tf.analysis.profiling.turns import turns
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.errors import DataError
from resnet_tf.evaluation.counts import confusion_matrix
from resnet_tf.evaluation.full_pass import Result
from resnet_tf.models.inference import optimize_for_inference
from resnet_tf.reporting.provenance import without_folders

BATCHES = (1, 128)
_ROUNDS, _SECONDS = 5, 0.5


def compare(
    groups: Mapping[str, Sequence[FinishedRun]], data: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Returns the figures of networks that were trained on the same data.

    Args:
        groups: Runs of each network by its label, one per seed.
        data: Data settings that override the runs' settings, e.g. `data_dir`.

    Returns:
        A dict of `split`, `n`, `dataset`, `class_names`, `networks`, `pairs` and
        `advice`. Each network has `label`, `parameters`, `macs`, `bytes`, `seeds`,
        `runs`, `errors`, `error`, `error_sd` (None with one seed), `interval`,
        `deviations`, `validation_errors`, `n_validation`, `seconds`,
        `images_per_second`, `peak_memory` (bytes, or None), `latency` (milliseconds
        by batch), `histories` and `confusion` (true by predicted class, all seeds).
        Errors are in percent, for the last weights, on the test images. Each pair has
        `a`, `b`, `difference` (percentage points), `interval`, `deviations`, `seeds`
        (one of each network), and `only_a_wrong`, `only_b_wrong` and `p` (McNemar's
        test of the runs with these seeds). Intervals are 95 % intervals; `deviations`
        has the parts `images` and `seeds` of the standard deviation of the mean, in
        percentage points.

    Raises:
        CheckpointError: If weights are damaged.
        DataError: If the test images are not available, or differ between the runs.
    """
    seen = {
        label: [on_test_images(run, data) for run in runs]
        for label, runs in groups.items()
    }
    truth, names = _same_images(list(itertools.chain(*seen.values())))
    wrong = {
        label: np.stack([result.predictions != truth for result in results])
        for label, results in seen.items()
    }
    confusions = {
        label: sum(confusion_matrix(truth, x.predictions, len(names)) for x in results)
        for label, results in seen.items()
    }
    networks = _networks(groups, wrong, confusions)
    pairs = [_pair(a, b, groups, wrong) for a, b in itertools.combinations(groups, 2)]
    record = {
        "split": "test",
        "n": len(truth),
        "dataset": next(iter(groups.values()))[0].config.data.dataset,
        "class_names": list(names),
        "networks": networks,
        "pairs": pairs,
    }
    return {**record, "advice": advise(record)}


def _networks(
    groups: Mapping[str, Sequence[FinishedRun]],
    wrong: Mapping[str, np.ndarray],
    confusions: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    models = {
        label: load_checkpoint(runs[0].folder.path).model
        for label, runs in groups.items()
    }
    latencies = _latencies(models)
    return [
        {
            "label": label,
            **_counted(models[label]),
            "bytes": runs[0].bytes,
            **error_figures(wrong[label]),
            **training_figures(runs),
            "latency": latencies[label],
            "confusion": confusions[label].tolist(),
        }
        for label, runs in groups.items()
    ]


def _same_images(results: Sequence[Result]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the labels and the class names that all results share.

    Raises:
        DataError: If the results differ in them.
    """
    labels, names = results[0].labels, results[0].class_names
    for other in results[1:]:
        if other.class_names != names or not np.array_equal(other.labels, labels):
            raise DataError("the runs must have the same test images, but they differ")
    return labels, names


def _counted(model: keras.Model) -> dict[str, int]:
    counted = facts(model)
    return {"parameters": counted.parameters, "macs": counted.macs}


def training_figures(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Returns the training figures of one network; see `compare`."""
    summaries = [run.summary for run in runs]

    def values(name: str) -> list[Any]:
        return [s[name] for s in summaries if s.get(name) is not None]

    memory = values("peak_memory")
    return {
        "seeds": [run.config.train.seed for run in runs],
        "runs": [without_folders(run.folder.path) for run in runs],
        "validation_errors": values("validation_error"),
        "n_validation": summaries[0].get("n_validation", 0),
        "seconds": statistics.mean(values("seconds")),
        "images_per_second": statistics.median(values("images_per_second")),
        "peak_memory": max(memory) if memory else None,
        "histories": [[asdict(row) for row in run.history] for run in runs],
    }


def _latencies(models: Mapping[str, keras.Model]) -> dict[str, dict[str, float]]:
    """Returns float32 latencies in milliseconds by batch size, measured in turns."""
    works = {}
    for label, model in models.items():
        fast = optimize_for_inference(model)
        for batch in BATCHES:
            works[label, batch] = inference(fast, batch)
    rates = turns(works, _ROUNDS, _SECONDS)
    return {
        label: {
            str(batch): 1000 * batch / statistics.median(rates[label, batch])
            for batch in BATCHES
        }
        for label in models
    }


def _pair(
    a: str,
    b: str,
    groups: Mapping[str, Sequence[FinishedRun]],
    wrong: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    by_seed = [
        {
            run.config.train.seed: own
            for run, own in zip(groups[label], wrong[label], strict=True)
        }
        for label in (a, b)
    ]
    return {"a": a, "b": b, **pair_figures(*by_seed)}
