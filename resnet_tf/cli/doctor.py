"""Find the classic mistake that explains the accuracy of a checkpoint."""

import argparse
import sys

from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.cli.command import require_json_output, write_json_output
from resnet_tf.startup import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "ckpt",
        metavar="CKPT",
        help="Released model, checkpoint folder or run folder.",
    )
    parser.add_argument("--data_dir", help="Folder of the data set.")
    parser.add_argument("--cache_dir", help="Folder of decoded images.")
    parser.add_argument("--json_output", help="File for the figures.")


def run(arguments: argparse.Namespace) -> None:
    """Prints each attempt and a verdict; exits with 1 if a fault was found.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available.
        OutputError: If the file cannot be written.
        SettingError: If a folder of images needs `--data_dir`.
    """
    require_json_output(arguments.json_output)
    resolve(arguments.ckpt)
    import_tensorflow()
    from resnet_tf.analysis.doctor import examine
    from resnet_tf.reporting.provenance import provenance, without_folders

    found = examine(
        arguments.ckpt, data_dir=arguments.data_dir, cache_dir=arguments.cache_dir
    )
    first = found.attempts[0]
    print(f"{arguments.ckpt} on the first {first.n} test images")
    width = max(len(one.name) for one in found.attempts)
    for one in found.attempts:
        print(f"  {one.name:{width}}  {one.accuracy:5.1f} % right")
    print(f"{arguments.ckpt}: {found.verdict}")
    name = without_folders(arguments.ckpt)
    record = {"checkpoint": name, **found.to_dict(), **provenance()}
    write_json_output(arguments.json_output, record)
    if not found.healthy:
        sys.exit(1)
