"""Train or collect several networks and write a report that compares them."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resnet_tf.analysis.comparison.exports import read_export, require_dataset
from resnet_tf.analysis.comparison.runs import by_network, read_run
from resnet_tf.cli.command import require_finished, require_report
from resnet_tf.cli.settings import (
    add_settings,
    experiment,
    given_settings,
    names,
    whole_numbers,
)
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.sources import ensure_available
from resnet_tf.disk import user_path, writing
from resnet_tf.errors import SettingError
from resnet_tf.ownership import require_report_folder
from resnet_tf.reporting.provenance import command_line, provenance
from resnet_tf.runs.folder import RunFolder
from resnet_tf.startup import import_tensorflow
from resnet_tf.training.process import train_apart

_LOCAL = ("data_dir", "cache_dir", "download")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--models", type=names, help="Networks to train, separated by commas."
    )
    parser.add_argument(
        "--seeds",
        type=whole_numbers,
        default=(0,),
        help="Seeds to train each network with, separated by commas.",
    )
    parser.add_argument(
        "--runs", nargs="+", default=(), metavar="DIR", help="Finished runs to add."
    )
    parser.add_argument(
        "--exports",
        nargs="+",
        default=(),
        metavar="FILE",
        help="Files that export --json_output wrote; each adds a row to the table.",
    )
    parser.add_argument(
        "--records",
        nargs="+",
        default=(),
        metavar="DIR",
        help="Folders of records that ledger wrote, to compare on the validation "
        "images without weights.",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="Folder of the report, with the runs in runs/; the same command resumes a "
        "stopped comparison.",
    )
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Trains the missing runs, compares all, and prints the table.

    Raises:
        CheckpointError: If a run is not finished, damaged or of another experiment, or
            a record or the file of an export is damaged or of another kind.
        DataError: If the data set is not available.
        OutputError: If the report cannot be written.
        SettingError: If an argument is wrong, or a package is missing.
        StoppedError: If a signal stopped a training; it is saved.
        SystemExit: If a training failed, with its exit code; with 1 if it was killed.
    """
    require_report("compare")
    output = user_path(arguments.output)
    from resnet_tf.analysis.comparison.report import JSON

    require_report_folder(output, "output", JSON, ("runs",))
    found = _of_records(arguments) if arguments.records else _of_runs(arguments, output)
    record = {
        "command": command_line("python -m resnet_tf", sys.argv[1:]),
        **found,
        **provenance(),
    }
    from resnet_tf.analysis.comparison.report import MARKDOWN, PAGE, write_report

    with writing(output):
        write_report(output, record)
    _print(record)
    print(f"the report is in {output}: {PAGE}, {MARKDOWN}")


def _of_records(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the figures of records, which need neither weights nor images."""
    for name in ("models", "runs", "exports"):
        if getattr(arguments, name):
            raise SettingError(f"compare takes --records or --{name}, not both")
    from resnet_tf.analysis.comparison.records import compare_records, read_finished

    return compare_records(read_finished([user_path(x) for x in arguments.records]))


def _of_runs(arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Trains the missing runs and returns the figures of all, and the exports."""
    given = given_settings(arguments)
    exports = [read_export(user_path(path)) for path in arguments.exports]
    planned = _planned(arguments, given, output)
    _require_sound(planned, [user_path(path) for path in arguments.runs], exports)
    for number, (path, config) in enumerate(planned.items(), 1):
        print(f"run {number} of {len(planned)}: {path}", flush=True)
        ensure_available(config.data)
        require_finished(train_apart(config, path), path)
    import_tensorflow()
    import tensorflow as tf

    # TensorFlow would warn that one network is retraced; each network is traced once.
    tf.get_logger().setLevel("ERROR")
    from resnet_tf.analysis.comparison.record import compare

    paths = [*planned, *map(user_path, arguments.runs)]
    groups = by_network([read_run(path) for path in paths])
    data = {name: given[name] for name in _LOCAL if name in given}
    return {**compare(groups, data), "exports": exports}


def _planned(
    arguments: argparse.Namespace, given: dict[str, Any], output: Path
) -> dict[Path, ExperimentConfig]:
    """Returns the configs of the runs to train, by folder.

    They are ordered by seed, so that after a stop all networks have about the same
    number of seeds.
    """
    if "seed" in given or "model" in given:
        raise SettingError("compare takes --models and --seeds, not --model or --seed")
    if not arguments.models and not arguments.runs:
        raise SettingError("compare needs --models to train or --runs to collect")
    return {
        folder: experiment(
            {**given, "model": model, "seed": seed}, arguments.recipe, folder
        )
        for seed in arguments.seeds
        for model in arguments.models or ()
        for folder in [output / "runs" / f"{model}-seed{seed}"]
    }


def _require_sound(
    planned: dict[Path, ExperimentConfig],
    runs: Sequence[Path],
    exports: list[dict[str, Any]],
) -> None:
    """Raises, before any training, the errors that the comparison would raise later.

    Args:
        planned: Configs of the runs to train, by folder; finished ones are read.
        runs: Folders of the other runs.
        exports: Rows from `read_export`.
    """
    finished = [
        path
        for path, config in planned.items()
        if RunFolder(path, config).summary() is not None
    ]
    found = [read_run(path) for path in (*finished, *runs)]
    by_network(found)
    configs = [*planned.values(), *(run.config for run in found)]
    datasets = {config.data.dataset for config in configs}
    if len(datasets) > 1:
        raise SettingError(f"the runs must share a data set, received {datasets}")
    require_dataset(exports, datasets.pop())


def _print(record: dict[str, Any]) -> None:
    from resnet_tf.analysis.comparison.report import tables

    console = new_console()
    for found in tables(record):
        if found.rows:
            print_table(console, found)
    console.print(" ".join(record["advice"]), soft_wrap=True)


def new_console() -> Any:
    """Returns a rich console; output to a pipe is not cut off."""
    from rich.console import Console

    width = None if os.isatty(1) else 400
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_table(console: Any, found: Any) -> None:
    """Prints a table.

    If the table is wider than the console, each row is printed as a list of its cells,
    one per line with the name of the column, so that nothing is cut off.

    Args:
        console: A rich console.
        found: A `Table` of `resnet_tf.analysis.page`.
    """
    from rich.table import Table

    table = Table(*found.head)
    for row in found.rows:
        table.add_row(*row)
    unbounded = console.options.update(max_width=100_000)
    if console.measure(table, options=unbounded).maximum <= console.width:
        console.print(table)
        return
    for row in found.rows:
        console.print(row[0], soft_wrap=True)
        for name, cell in zip(found.head[1:], row[1:], strict=True):
            console.print(f"  {name}: {cell}", soft_wrap=True)
