"""Bitwise comparison of two runs with the same seed."""

import dataclasses
from pathlib import Path
from typing import Any

from resnet_tf.errors import CheckpointError
from resnet_tf.runs.folder import HISTORY, STATES
from resnet_tf.runs.history import Row, read_history
from resnet_tf.runs.state import hashes, states, step_of


def compare(one: Path, other: Path) -> dict[str, Any]:
    """Compares the reports of two runs, and every variable of their newest states.

    Args:
        one: A run folder.
        other: Another run folder.

    Returns:
        JSON values: `equal`; `step`; the number of `variables`; the names of the
        `differing` variables; `sha256`, the SHA-256 of each variable of the first run;
        `reports_equal`, which ignores `seconds` and `images_per_second`.

    Raises:
        CheckpointError: If a newest state is missing or damaged, or the two are of
            different steps.
    """
    first, second = _newest(one), _newest(other)
    if first.name != second.name:
        raise CheckpointError(
            f"both runs must have a state of one step, received {first} and {second}"
        )
    ours, theirs = hashes(first), hashes(second)
    names = sorted(ours.keys() | theirs.keys())
    differing = [name for name in names if ours.get(name) != theirs.get(name)]
    reports_equal = _reports(one) == _reports(other)
    return {
        "equal": reports_equal and not differing,
        "step": step_of(first),
        "variables": len(names),
        "differing": differing,
        "reports_equal": reports_equal,
        "sha256": ours,
    }


def _newest(run_dir: Path) -> Path:
    found = states(run_dir / STATES)
    if not found:
        raise CheckpointError(f"{run_dir} must hold a state, received none")
    return found[-1]


def _reports(run_dir: Path) -> list[Row]:
    rows = read_history(run_dir / HISTORY)
    return [dataclasses.replace(r, seconds=0.0, images_per_second=0.0) for r in rows]
