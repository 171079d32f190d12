"""Evaluate a released model, a checkpoint folder or a run."""

import argparse
import json
import os
import sys
from typing import Any

import resnet_tf
from resnet_tf import disk
from resnet_tf.cli.command import (
    require_json_output,
    require_report,
    write_json_output,
)
from resnet_tf.cli.settings import add_settings, given_settings
from resnet_tf.errors import SettingError
from resnet_tf.evaluation.tta import TTA
from resnet_tf.machine import cores
from resnet_tf.ownership import require_report_folder

EXAMPLES = """\
python eval.py --ckpt model_20
python eval.py --ckpt runs/MY_RUN/best --split=validation
python eval.py --ckpt model_20 --report=report --against=runs/MY_RUN"""
MOST_LANES = 8  # each lane adds a copy of the graph
_SETTINGS = {"data_dir", "cache_dir", "download", "test_batch_size", "mixed_precision"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--ckpt", required=True, help="Released model, checkpoint folder or run folder."
    )
    parser.add_argument(
        "--split",
        choices=("test", "validation"),
        default="test",
        help="Images to evaluate on.",
    )
    parser.add_argument(
        "--tta",
        choices=TTA,
        default="none",
        help="Test-time augmentation: the logits are means over the image and its "
        "mirror image (flip), or also over its shifts by one pixel along the diagonal "
        "(multicrop: six views, as in airbench, arXiv:2404.00498).",
    )
    parser.add_argument("--json_output", help="JSON file for the result.")
    parser.add_argument(
        "--report",
        help="Folder for a detailed report; needs the extra resnet_tf[report].",
    )
    parser.add_argument(
        "--against",
        help="Another checkpoint, to compare with this one in the report.",
    )
    add_settings(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> None:
    """Evaluates a checkpoint, prints the figures and writes them.

    Raises:
        CheckpointError: If a checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available.
        OutputError: If the report or the JSON file cannot be written.
        SettingError: If an argument is wrong.
    """
    require_json_output(arguments.json_output)
    _require_folder(arguments.report, arguments.against)
    options = {
        **given_settings(arguments),
        "lanes": min(cores(), MOST_LANES),
        "tta": arguments.tta,
    }
    checkpoint = arguments.ckpt, arguments.split
    if arguments.report is None:
        result = resnet_tf.evaluate(*checkpoint, **options)
        _print(result)
    else:
        result = _report(arguments.report, *checkpoint, arguments.against, options)
    write_json_output(arguments.json_output, result)


def _require_folder(report: str | None, against: str | None) -> None:
    """Raises unless the report can be written; does nothing without a report.

    Args:
        report: Folder of the report, or None.
        against: The checkpoint to compare with, or None.

    Raises:
        OutputError: If the path cannot be a folder, or holds files of other programs.
        SettingError: If `report` is empty, `against` is given without it, or a package
            is missing.
    """
    if report is None:
        if against is not None:
            raise SettingError("against needs report, the folder to write")
        return
    if not report:
        raise SettingError("report must not be empty")
    from resnet_tf.analysis.in_depth.folder import JSON

    require_report_folder(disk.user_path(report), "report", JSON)
    require_report("report")


def _report(
    folder: str, ckpt: str, split: str, against: str | None, options: Any
) -> dict[str, Any]:
    """Evaluates in depth, writes and prints a report, and returns its figures."""
    # Imported here so that a wrong flag is reported quickly.
    from resnet_tf.analysis.in_depth import folder as evaluation
    from resnet_tf.analysis.in_depth.report import evaluate_in_depth
    from resnet_tf.reporting.provenance import command_line, provenance, without_folders

    script = os.path.basename(sys.argv[0]) == "eval.py"
    program = "python eval.py" if script else "python -m resnet_tf"
    found = evaluate_in_depth(ckpt, split, against, _progress(), **options)
    record = {
        "command": command_line(program, sys.argv[1:]),
        **found.record,
        "checkpoint": without_folders(ckpt),
        **provenance(),
    }
    if against is not None:
        record["pair"]["checkpoint"] = without_folders(against)
    path = disk.user_path(folder)
    with disk.writing(path, "report"):
        evaluation.write_evaluation(path, record, found.mistakes, found.spoiled)
    _print(record)
    print(evaluation.calibration(record))
    print(evaluation.corrupted(record))
    if against is not None:
        print(evaluation.paired(record))
    print(f"the report is in {path}: {evaluation.PAGE}, {evaluation.MARKDOWN}")
    return record


def _print(result: dict[str, Any]) -> None:
    low, high = result["interval"]
    print(f"{result['checkpoint']} on {result['dataset']} {result['split']}")
    print("preprocessing", json.dumps(result["preprocessing"]))
    for name, error in result["per_class_error"].items():
        print(f"  {name:12} {error:6.2f} %" if error is not None else f"  {name:12} -")
    print(f"loss {result['loss']:.4f}")
    views = "" if result["tta"] == "none" else f", tta={result['tta']}"
    print(
        f"error {result['error']:.2f} % (n = {result['n']}, 95 % interval "
        f"{low:.2f} to {high:.2f} %{views})"
    )


def _progress():
    if not sys.stderr.isatty():
        return lambda done, total: None

    def progress(done: int, total: int) -> None:
        end = "\n" if done == total else "\r"
        print(f"{done} of {total} corruptions", end=end, file=sys.stderr)

    return progress
