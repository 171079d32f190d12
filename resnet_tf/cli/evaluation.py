"""What `eval.py` does beside calling `resnet_tf.evaluate`: it reports and prints."""

import json
import sys
from typing import Any

from resnet_tf import disk
from resnet_tf.cli.command import require_report
from resnet_tf.errors import SettingError
from resnet_tf.ownership import require_report_folder


def require_folder(report: str | None, against: str | None) -> None:
    """Raises unless a report can be written, or none is wanted.

    Args:
        report: Its folder.
        against: The checkpoint to compare with.

    Raises:
        OutputError: If the path cannot be a folder, or holds what no report left.
        SettingError: If it is empty, `against` is given without it, or a package is
            missing.
    """
    if report is None:
        if against is not None:
            raise SettingError("against needs report, the folder to write, beside it")
        return
    if not report:
        raise SettingError("report must not be empty")
    from resnet_tf.analysis.in_depth.folder import JSON

    require_report_folder(disk.user_path(report), "report", JSON)
    require_report("report")


def report(
    folder: str, ckpt: str, split: str, against: str | None, options: Any
) -> dict[str, Any]:
    """Evaluates in depth, writes a report, prints it and returns its figures.

    Args:
        folder: Of the report.
        ckpt: See `evaluate_in_depth`.
        split: See `evaluate_in_depth`.
        against: See `evaluate_in_depth`.
        options: See `evaluate_in_depth`.

    Raises:
        CheckpointError: If a checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available.
        OutputError: If the report cannot be written.
        SettingError: If an argument is wrong.
    """
    # Here and not above: a wrong flag is answered without them.
    from resnet_tf.analysis.in_depth import folder as evaluation
    from resnet_tf.analysis.in_depth.report import evaluate_in_depth
    from resnet_tf.reporting.provenance import command_line, provenance, without_folders

    found = evaluate_in_depth(ckpt, split, against, _progress(), **options)
    record = {
        "command": command_line("python eval.py", sys.argv[1:]),
        **found.record,
        "checkpoint": without_folders(ckpt),
        **provenance(),
    }
    if against is not None:
        record["pair"]["checkpoint"] = without_folders(against)
    path = disk.user_path(folder)
    with disk.writing(path, "report"):
        evaluation.write_evaluation(path, record, found.mistakes, found.spoiled)
    show(record)
    print(evaluation.calibration(record))
    print(evaluation.corrupted(record))
    if against is not None:
        print(evaluation.paired(record))
    print(f"the report is in {path}: {evaluation.PAGE}, {evaluation.MARKDOWN}")
    return record


def show(result: dict[str, Any]) -> None:
    """Prints what was found."""
    low, high = result["interval"]
    print(f"{result['checkpoint']} on {result['dataset']} {result['split']}")
    print("preprocessing", json.dumps(result["preprocessing"]))
    for name, error in result["per_class_error"].items():
        print(f"  {name:12} {error:6.2f} %" if error is not None else f"  {name:12} -")
    print(f"loss {result['loss']:.4f}")
    print(
        f"error {result['error']:.2f} % (n = {result['n']}, 95 % interval "
        f"{low:.2f} to {high:.2f} %)"
    )


def _progress():
    if not sys.stderr.isatty():
        return lambda done, total: None

    def progress(done: int, total: int) -> None:
        end = "\n" if done == total else "\r"
        print(f"{done} of {total} corruptions", end=end, file=sys.stderr)

    return progress
