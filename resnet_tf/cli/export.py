"""Export a checkpoint to SavedModel, LiteRT or ONNX, and run the result."""

import argparse
import sys
from typing import Any

from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.cli.command import require_json_output, write_json_output
from resnet_tf.disk import user_path
from resnet_tf.interop.export_formats import FORMATS, chosen_format
from resnet_tf.interop.files import require_free
from resnet_tf.startup import import_tensorflow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--ckpt",
        required=True,
        help="Released model, checkpoint folder or run folder.",
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=list(FORMATS),
        help="Format; all but saved_model need the extra resnet_tf[export].",
    )
    parser.add_argument(
        "--output",
        required=True,
        help="New file to write, or new folder for saved_model.",
    )
    parser.add_argument(
        "--data_dir",
        help="Folder of the data set; the file is run on its test images. int8 also "
        "needs the training images.",
    )
    parser.add_argument("--cache_dir", help="Folder of decoded images.")
    parser.add_argument("--json_output", help="File for the figures.")


def run(arguments: argparse.Namespace) -> None:
    """Writes the file and prints a comparison; exits with 1 if a bound is exceeded.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If there are no training images for int8.
        OutputError: If a file cannot be written.
        SettingError: If a package that the format needs is not installed.
    """
    output = user_path(arguments.output)
    require_json_output(arguments.json_output)
    chosen_format(arguments.format)
    require_free(output)
    resolve(arguments.ckpt)
    import_tensorflow()
    from resnet_tf.interop.export import export
    from resnet_tf.reporting.provenance import provenance, without_folders

    found = export(
        arguments.ckpt,
        arguments.format,
        output,
        data_dir=arguments.data_dir,
        cache_dir=arguments.cache_dir,
    )
    _print(found)
    names = {x: without_folders(found[x]) for x in ("checkpoint", "output")}
    write_json_output(arguments.json_output, {**found, **names, **provenance()})
    if found["failures"]:
        sys.exit(1)


def _print(found: dict[str, Any]) -> None:
    about = found["metadata"]
    size = f"{found['bytes'] / 1e6:.2f} MB"
    print(f"{found['output']}: {about['network']} as {found['format']}, {size}")
    print(f"takes {about['input']}, preprocessing {about['preprocessing']}")
    temperature = about["temperature"]
    shown = "no temperature" if temperature is None else f"temperature {temperature:g}"
    print(f"gives logits and probabilities ({shown}) of {len(about['class_names'])}")
    if found["calibrated_on"]:
        print(f"ranges from {found['calibrated_on']} training images")
    print(
        f"run by {found['runtime']} on {found['n']:,} {found['images']} images: "
        f"largest difference of a logit {found['logit_difference']:.2g} (logits up to "
        f"{found['largest_logit']:.1f}), of a probability "
        f"{found['probability_difference']:.2g}, same class {found['agreement']:.2f} %"
    )
    if found["error"] is None:
        print("error not measured: the data set is not available")
    else:
        print(f"error {found['error']:.2f} %, original {found['original_error']:.2f} %")
    print(
        f"one image takes {found['latency_ms']:.2f} ms, in TensorFlow "
        f"{found['original_latency_ms']:.2f} ms"
    )
    for line in found["failures"]:
        print(f"beyond the bound: {line}", file=sys.stderr)
