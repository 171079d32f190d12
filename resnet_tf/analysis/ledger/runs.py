"""The runs of a ledger: which are left, and the work of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resnet_tf.analysis.ledger.plan import Plan
from resnet_tf.analysis.ledger.record import (
    Answers,
    RunRecord,
    read_record,
    record_path,
    record_values,
    require_same,
    write_record,
)
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.sources import load_split
from resnet_tf.errors import CheckpointError, DivergedError
from resnet_tf.reporting.provenance import without_folders
from resnet_tf.runs.data import images_sha256
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import read_history
from resnet_tf.training.train import train


@dataclass(frozen=True)
class Job:
    """A run of a ledger.

    Attributes:
        name: Name of the entry.
        config: The experiment, with the seed.
        run_dir: The run folder.
        record: The file of the record.
    """

    name: str
    config: ExperimentConfig
    run_dir: Path
    record: Path


def jobs(
    plan: Plan, names: Sequence[str], seeds: Sequence[int], records: Path, runs: Path
) -> list[Job]:
    """Returns the runs of some entries and seeds, those with a record among them.

    They are ordered by seed, so that after a stop all entries have about the same
    number of seeds.

    Args:
        plan: The ledger.
        names: Names of entries.
        seeds: Seeds of the plan.
        records: Folder of the records.
        runs: Folder of the run folders.
    """
    return [
        Job(
            name,
            plan.entries[name].seeded(seed),
            runs / f"{name}-seed{seed}",
            record_path(records, name, seed),
        )
        for seed in seeds
        for name in names
    ]


def read_records(plan: Plan, folder: Path) -> Mapping[tuple[str, int], RunRecord]:
    """Returns the records of a ledger that are in a folder, by entry and seed.

    Raises:
        CheckpointError: If a record is damaged or belongs to another experiment.
    """
    found = {}
    for name, entry in plan.entries.items():
        for seed in plan.seeds:
            path = record_path(folder, name, seed)
            if not path.exists():
                continue
            record = read_record(path)
            if record.name != name:
                raise CheckpointError(
                    f"{path}: name must be {name}, received {record.name}"
                )
            require_same(record, entry.seeded(seed))
            found[name, seed] = record
    return found


def work(job: Job) -> None:
    """Trains or resumes a run and writes its record; a divergence is recorded too.

    Args:
        job: The run.

    Raises:
        CheckpointError: If the folder or the record is of another experiment.
        DataError: If the data set is not available.
        OutputError: If the run folder or the record cannot be written.
        StoppedError: If a signal stopped the run; another call resumes it.
    """
    diverged = answers = None
    try:
        train(job.config, job.run_dir)
        answers = _answers(job)
    except DivergedError as error:
        diverged = without_folders(str(error).partition(";")[0])
        print(f"{job.run_dir} diverged: {diverged}", flush=True)
    folder = RunFolder(job.run_dir, job.config)
    values = record_values(
        job.name,
        job.config,
        read_history(folder.history),
        folder.config.train.kernels,
        answers,
        diverged,
    )
    write_record(job.record, values)


def _answers(job: Job) -> Answers:
    """Returns the predictions of the last weights, as `eval.py` computes them.

    Raises:
        DivergedError: If an output is not finite.
    """
    # This module imports TensorFlow.
    from resnet_tf.evaluation.full_pass import checkpoint_pass, finite

    config = job.config
    images = load_split(config.data, "validation")
    full_pass = checkpoint_pass(job.run_dir, config.data, lanes=config.train.lanes)
    result = full_pass(images, config.train.validation_batch_size)
    finite(result.logits, "the validation split")
    wrong = result.predictions != result.labels
    return Answers(images_sha256(images), result.predictions, wrong, result.loss)
