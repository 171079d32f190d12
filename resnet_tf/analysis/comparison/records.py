"""Computes the figures of a comparison from records, without weights or images."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.analysis.comparison.advice import advise
from resnet_tf.analysis.comparison.runs import by_network
from resnet_tf.analysis.errors import error_figures, pair_figures
from resnet_tf.analysis.ledger.images import require_same_images
from resnet_tf.analysis.ledger.record import RunRecord, read_record
from resnet_tf.analysis.ledger.times import machine, relative_seconds
from resnet_tf.config import network_size
from resnet_tf.config.arithmetic import image_macs
from resnet_tf.disk import PARTIAL
from resnet_tf.errors import CheckpointError

# Figures that need the weights.
_UNKNOWN = ("bytes", "peak_memory", "latency", "confusion")


def read_finished(folders: Sequence[Path]) -> list[RunRecord]:
    """Returns the records in folders of runs that did not diverge.

    Args:
        folders: Folders whose JSON files are all records.

    Raises:
        CheckpointError: If there is none, or a file is damaged or no record.
    """
    records = [
        read_record(path)
        for folder in folders
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(PARTIAL)  # left by a killed process
    ]
    found = [record for record in records if record.answers]
    if not found:
        raise CheckpointError(
            "records must hold a finished run, received "
            f"{', '.join(map(str, folders))} with none"
        )
    require_same_images(found)
    return found


def compare_records(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Returns the figures of networks from their records.

    Args:
        records: Finished runs for the same images; those whose settings differ only in
            the seed are one network.

    Returns:
        The dict of `record.compare` with `split` "validation"; figures that need the
        weights are None. `seconds` and `images_per_second` are None unless all records
        are of one machine. A pair also has `relative_seconds`, the time of `a` over the
        time of `b` on the same machines, or None.

    Raises:
        SettingError: If the runs are for different data sets, or two runs of a network
            have the same seed.
    """
    groups = _named(by_network(records))
    wrong = {
        label: {record.seed: record.answers.wrong for record in own}
        for label, own in groups.items()
    }
    machines = {machine(record) for record in records}
    pairs = [
        {
            "a": a,
            "b": b,
            **pair_figures(wrong[a], wrong[b]),
            "relative_seconds": relative_seconds(groups[a], groups[b]),
        }
        for a, b in itertools.combinations(groups, 2)
    ]
    found = {
        "split": "validation",
        "n": len(records[0].answers.wrong),
        "dataset": records[0].config.data.dataset,
        "networks": [
            _network(label, own, len(machines) == 1) for label, own in groups.items()
        ],
        "pairs": pairs,
        "note": f"The runs were computed on {'; '.join(sorted(machines))}.",
    }
    return {**found, "advice": advise(found)}


def _named(groups: Mapping[str, list[RunRecord]]) -> dict[str, list[RunRecord]]:
    """Returns the groups by the names of their records, if these tell them apart."""
    names = [f"{own[0].config.model.title}, {own[0].name}" for own in groups.values()]
    if len(set(names)) < len(names):
        return dict(groups)
    return dict(zip(names, groups.values(), strict=True))


def _network(
    label: str, records: Sequence[RunRecord], with_times: bool
) -> dict[str, Any]:
    config = records[0].config
    found = error_figures(np.stack([record.answers.wrong for record in records]))
    times = {
        "seconds": [record.values["seconds"] for record in records],
        "images_per_second": [r.values["images_per_second"] for r in records],
    }
    return {
        "label": label,
        "parameters": network_size(config.model).parameters,
        "macs": image_macs(config.model, config.data.image_size),
        **found,
        "seeds": [record.seed for record in records],
        "runs": [record.path.name for record in records],
        "validation_errors": [],  # they are the errors
        "n_validation": len(records[0].answers.wrong),
        **{key: statistics.mean(x) if with_times else None for key, x in times.items()},
        **dict.fromkeys(_UNKNOWN),
        "histories": [[asdict(row) for row in record.history] for record in records],
    }
