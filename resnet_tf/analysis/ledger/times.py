"""The times of runs, which are compared within one machine only."""

import statistics
from collections.abc import Sequence

from resnet_tf.analysis.ledger.record import RunRecord


def machine(record: RunRecord) -> str:
    """Returns the machine of a record in words; machines of equal words are one."""
    found = record.values["machine"]
    return f"{found['cores']} cores of {found['cpu']}"


def mean_seconds(records: Sequence[RunRecord]) -> dict[str, float]:
    """Returns the mean seconds of runs by machine."""
    times: dict[str, list[float]] = {}
    for record in records:
        times.setdefault(machine(record), []).append(record.values["seconds"])
    return {key: statistics.mean(seconds) for key, seconds in times.items()}


def relative_seconds(
    records: Sequence[RunRecord], others: Sequence[RunRecord]
) -> float | None:
    """Returns the time of runs over the time of others, within the same machines.

    Args:
        records: Finished runs of one network.
        others: Finished runs of another network.

    Returns:
        The mean over the machines that have both; None without such a machine.
    """
    mine, theirs = mean_seconds(records), mean_seconds(others)
    ratios = [mine[key] / theirs[key] for key in mine if theirs.get(key)]
    return statistics.mean(ratios) if ratios else None
