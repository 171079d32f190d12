"""Computes the figures of a ledger from its records, as JSON values.

The interval of a difference is the one of `compare` (`difference_interval`): images and
seeds are crossed random effects, and the quantile goes from the normal one to Student's
as far as the seeds dominate. A bootstrap that draws seeds and then images is not used.
It draws from three seeds as if they were all seeds, so it finds 2/3 of their variance
and takes the normal quantile, 1.96, for Student's 4.3: where the seeds dominate, its
interval is less than half as wide as it must be. It also counts the noise of single
answers twice. See docs/intervals.md.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resnet_tf.analysis.errors import error_figures, pair_figures
from resnet_tf.analysis.ledger.images import require_same_images
from resnet_tf.analysis.ledger.plan import BASE, Entry, Plan
from resnet_tf.analysis.ledger.record import RunRecord
from resnet_tf.analysis.ledger.times import machine, mean_seconds, relative_seconds
from resnet_tf.analysis.ledger.verdict import verdict
from resnet_tf.config.arithmetic import run_macs
from resnet_tf.config.fields import flag_value

Records = Mapping[tuple[str, int], RunRecord]


def ledger_figures(plan: Plan, records: Records) -> dict[str, Any]:
    """Returns the figures of a ledger.

    Args:
        plan: The ledger.
        records: Its records so far, by entry and seed.

    Returns:
        A dict of `file`, `network`, `dataset`, `split`, `n` (images, None without a
        finished run), `seeds`, `budget` (`multiply_adds`, `epochs`), `commits`,
        `machines` and `rows`, one for each entry. A row has `name`, `changes`,
        `updates`, `batch`, `multiply_adds` (of a run), `seeds` (finished), `diverged`
        (seeds), the figures of `error_figures` (`error` is None without a finished
        run), `seconds` (mean by machine) and `images_per_second`. The row of a
        variation also has `common_seeds`, `difference` and `difference_interval`
        (percentage points, variation minus base), `deviations_of_difference`,
        `relative_seconds` (variation over base, on the same machines) and `verdict`.

    Raises:
        CheckpointError: If the records are for different images.
    """
    require_same_images(records.values())
    done = [record for record in records.values() if record.answers]
    config = plan.base.config
    rows = [_row(entry, _of(records, name)) for name, entry in plan.entries.items()]
    base = _of(records, BASE)
    for row in rows[1:]:
        row |= _compared(row, _of(records, row["name"]), base)
    return {
        "file": plan.path.name,
        "network": config.model.title,
        "dataset": config.data.dataset,
        "split": "validation",
        "n": len(done[0].answers.wrong) if done else None,
        "seeds": list(plan.seeds),
        "budget": {"multiply_adds": plan.budget.macs, "epochs": plan.budget.epochs},
        "commits": sorted({str(x.values.get("commit")) for x in records.values()}),
        "machines": sorted({machine(record) for record in records.values()}),
        "rows": rows,
    }


def _of(records: Records, name: str) -> list[RunRecord]:
    return [record for (own, _), record in records.items() if own == name]


def _row(entry: Entry, records: Sequence[RunRecord]) -> dict[str, Any]:
    """Returns the figures of an entry by itself."""
    config = entry.config
    done = [record for record in records if record.answers]
    wrong = [record.answers.wrong for record in done]
    train = config.train
    rates = [record.values["images_per_second"] for record in done]
    return {
        "name": entry.name,
        "changes": {key: flag_value(value) for key, value in entry.changes.items()},
        "updates": train.train_steps,
        "batch": train.train_batch_size,
        "multiply_adds": run_macs(config),
        "seeds": [record.seed for record in done],
        "diverged": [record.seed for record in records if not record.answers],
        **(error_figures(np.stack(wrong)) if wrong else {"error": None}),
        "seconds": mean_seconds(done),
        "images_per_second": statistics.median(rates) if rates else None,
    }


def _compared(
    row: Mapping[str, Any], records: Sequence[RunRecord], base: Sequence[RunRecord]
) -> dict[str, Any]:
    """Returns the figures of a variation in comparison with the base."""
    mine, theirs = (
        {record.seed: record for record in own if record.answers}
        for own in (records, base)
    )
    common = sorted(mine.keys() & theirs.keys())
    found: dict[str, Any] = {"common_seeds": common}
    if common:
        pair = pair_figures(
            *(
                {seed: own[seed].answers.wrong for seed in common}
                for own in (mine, theirs)
            )
        )
        found["difference"] = pair["difference"]
        found["difference_interval"] = pair["interval"]
        found["deviations_of_difference"] = pair["deviations"]
    times = (list(own.values()) for own in (mine, theirs))
    found["relative_seconds"] = relative_seconds(*times)
    return {**found, "verdict": verdict({**row, **found})}
