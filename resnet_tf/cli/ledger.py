"""Train variations of a base at equal arithmetic, and show which of them help."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resnet_tf.analysis.ledger.plan import OF_THE_MACHINE, Plan, read_plan
from resnet_tf.analysis.ledger.runs import Job, jobs, read_records, work
from resnet_tf.cli.command import (
    require_finished,
    require_json_output,
    require_report,
    write_json_output,
)
from resnet_tf.cli.compare import new_console, print_table
from resnet_tf.cli.settings import add_settings, given_settings, names, whole_numbers
from resnet_tf.config import unknown
from resnet_tf.data.sources import ensure_available
from resnet_tf.disk import require_folder, user_path, writing
from resnet_tf.errors import SettingError
from resnet_tf.reporting.provenance import command_line, provenance
from resnet_tf.runs.folder import RunFolder
from resnet_tf.training.process import apart

EXAMPLES = """\
python -m resnet_tf ledger tricks.toml --records=records
python -m resnet_tf ledger tricks.toml --records=records --report

A file, tricks.toml:

  seeds = [0, 1, 2]

  [budget]
  epochs = 8                # of the base; or multiply_adds = 1.46e13

  [base]                    # a recipe, and settings that override it
  recipe = "onecycle"
  model = "resnet20"

  [variations]              # the settings that differ from the base
  no_nesterov = { nesterov = false }
  batch_64 = { train_batch_size = 64, lr_scaling = "linear" }

The same command resumes a stopped ledger."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="TOML file with the seeds, the budget, the base and its variations.",
    )
    parser.add_argument(
        "--records",
        required=True,
        metavar="DIR",
        help="Folder of the records, one JSON file for each finished run; records of "
        "other machines can be added.",
    )
    parser.add_argument(
        "--run_dir",
        metavar="DIR",
        help="Folder of the run folders [runs/<name of FILE>].",
    )
    parser.add_argument(
        "--only",
        type=names,
        metavar="NAMES",
        help="Variations to train, or base, separated by commas [all].",
    )
    parser.add_argument(
        "--seeds",
        type=whole_numbers,
        help="Seeds of FILE to train with, separated by commas [all].",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="Train nothing; show the table of the records so far.",
    )
    parser.add_argument("--json_output", help="File for the figures of the table.")
    parser.add_argument(
        "--markdown", action="store_true", help="Print the table as Markdown."
    )
    add_settings(parser, OF_THE_MACHINE)


def run(arguments: argparse.Namespace) -> None:
    """Trains the runs without a record, seed by seed, and prints the table.

    A run that diverges is recorded and does not end the command.

    Raises:
        CheckpointError: If a record is damaged, or a record or a run folder belongs to
            another experiment.
        DataError: If the data set is not available.
        OutputError: If a record, a run folder or the figures cannot be written.
        SettingError: If an argument or the file is wrong, or a package is missing.
        StoppedError: If a signal stopped a training; it is saved.
        SystemExit: If a training failed, with its exit code; with 1 if it was killed.
    """
    require_report("ledger")
    require_json_output(arguments.json_output)
    folder = user_path(arguments.records)
    require_folder(folder, "records")
    plan = read_plan(user_path(arguments.file), given_settings(arguments))
    chosen = _chosen(arguments, plan, folder)
    read_records(plan, folder)
    if not arguments.report:
        _train(chosen)
    from resnet_tf.analysis.ledger.figures import ledger_figures

    figures = {
        "command": command_line("python -m resnet_tf", sys.argv[1:]),
        **ledger_figures(plan, read_records(plan, folder)),
        **provenance(),
    }
    write_json_output(arguments.json_output, figures)
    _print(figures, arguments.markdown)


def _chosen(arguments: argparse.Namespace, plan: Plan, folder: Path) -> Sequence[Job]:
    """Returns the runs that the arguments select."""
    only = arguments.only or tuple(plan.entries)
    for name in only:
        if name not in plan.entries:
            raise SettingError(f"only: {unknown('variation', name, plan.entries)}")
    seeds = arguments.seeds or plan.seeds
    for seed in seeds:
        if seed not in plan.seeds:
            known = ", ".join(map(str, plan.seeds))
            raise SettingError(f"seeds must be among {known}, received {seed}")
    runs = user_path(arguments.run_dir or f"runs/{plan.path.stem}")
    return jobs(plan, only, seeds, folder, runs)


def _train(chosen: Sequence[Job]) -> None:
    """Does the runs that have no record yet."""
    left = [job for job in chosen if not job.record.exists()]
    for job in left:
        RunFolder(job.run_dir, job.config)  # raises if it is of another experiment
    if left:
        ensure_available(left[0].config.data)
        with writing(left[0].record.parent, "records"):
            left[0].record.parent.mkdir(parents=True, exist_ok=True)
    for number, job in enumerate(left, 1):
        # Another machine may have added it.
        if job.record.exists():
            continue
        print(f"run {number} of {len(left)}: {job.run_dir}", flush=True)
        require_finished(apart(work, job), job.run_dir)


def _print(figures: dict[str, Any], as_markdown: bool) -> None:
    from resnet_tf.analysis.ledger.table import (
        ledger_markdown,
        ledger_table,
        notes,
        setup,
        summary,
    )

    if as_markdown:
        print(ledger_markdown(figures), end="")
        return
    console = new_console()
    console.print(setup(figures), soft_wrap=True)
    print_table(console, ledger_table(figures))
    console.print(summary(figures), soft_wrap=True)
    console.print(notes(figures), soft_wrap=True)
