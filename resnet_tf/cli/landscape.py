"""Draw the loss around trained weights, in two random directions."""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from resnet_tf.checkpoints.files import write_json
from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.data.sources import ensure_available, load_split, require_classes
from resnet_tf.disk import user_path, writing
from resnet_tf.errors import SettingError
from resnet_tf.ownership import require_report_folder
from resnet_tf.startup import import_tensorflow

RECORD = "landscape.json"
_KNOWN = ("step", "validation_error", "n_validation", "weights_sha256")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--ckpt",
        required=True,
        nargs="+",
        help="Released models, checkpoint folders or run folders, side by side.",
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="Folder to write."
    )
    parser.add_argument(
        "--size", type=int, default=21, help="Points along each direction, odd."
    )
    parser.add_argument(
        "--radius",
        type=float,
        default=1.0,
        help="Longest step; 1 is a step as long as each filter.",
    )
    parser.add_argument(
        "--images", type=int, default=500, help="Number of training images."
    )
    parser.add_argument("--seed", type=int, default=0, help="Seed of the directions.")
    parser.add_argument("--data_dir", help="Folder of the data set.")
    parser.add_argument("--cache_dir", help="Folder of decoded images.")


def run(arguments: argparse.Namespace) -> None:
    """Writes `landscape.png`, and a CSV file for each checkpoint.

    Raises:
        CheckpointError: If a checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available.
        OutputError: If the folder cannot be written.
        SettingError: If an argument is out of its range.
    """
    _check(arguments)
    output = user_path(arguments.output)
    require_report_folder(output, "output", RECORD)
    folders = {name: resolve(name) for name in arguments.ckpt}
    slices = {name: _slice(folder, arguments) for name, folder in folders.items()}
    from resnet_tf.analysis.landscape_picture import draw_landscapes, write_table
    from resnet_tf.reporting.provenance import provenance, without_folders

    record = {
        "checkpoints": [without_folders(name) for name in slices],
        "slices": [
            _record(number, *each) for number, each in enumerate(slices.values())
        ],
        **{name: getattr(arguments, name) for name in ("size", "radius", "seed")},
        **provenance(),
    }
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        # Written first, because it marks the folder as made by this package.
        write_json(output / RECORD, record)
        for each, (_, found) in zip(record["slices"], slices.values(), strict=True):
            table = output / each["table"]
            write_table(table, found.offsets, found.loss, found.error)
        titles = [trained["network"] for trained, _ in slices.values()]
        pictures = {
            title if titles.count(title) == 1 else name: (found.offsets, found.loss)
            for title, (name, (_, found)) in zip(titles, slices.items(), strict=True)
        }
        draw_landscapes(output / "landscape.png", pictures)
    size = f"{arguments.size} x {arguments.size} points"
    print(f"{output / 'landscape.png'}: {len(slices)} of {size}")


def _record(number: int, trained: dict[str, Any], found: Any) -> dict[str, Any]:
    """Returns the entry of a network and its slice in the JSON file."""
    middle = len(found.offsets) // 2
    return {
        **trained,
        "table": f"landscape_{number}.csv",
        "n": found.n,
        "loss": found.loss[middle, middle],
        "error": found.error[middle, middle],
    }


def _check(arguments: argparse.Namespace) -> None:
    for name, ok, rule in (
        ("size", arguments.size > 2 and arguments.size % 2, "odd and above 1"),
        ("radius", 0 < arguments.radius < math.inf, "a number above 0"),
        ("images", arguments.images > 0, "at least 1"),
        ("seed", arguments.seed >= 0, "at least 0"),
    ):
        if not ok:
            value = getattr(arguments, name)
            raise SettingError(f"{name} must be {rule}, received {value}")
    if len(set(arguments.ckpt)) < len(arguments.ckpt):
        raise SettingError(f"ckpt must not repeat, received {' '.join(arguments.ckpt)}")


def _slice(folder: Path, arguments: argparse.Namespace):
    """Returns a network's facts for the record, and the slice of its loss."""
    stored = open_checkpoint(folder)
    config = stored.config
    data = replace(
        config.data, data_dir=arguments.data_dir, cache_dir=arguments.cache_dir
    )
    ensure_available(data)
    import_tensorflow()
    from resnet_tf.analysis.landscape import landscape
    from resnet_tf.checkpoints.weights import load_checkpoint

    checkpoint = load_checkpoint(stored)
    images = load_split(data, "train")
    names = checkpoint.metrics.get("class_names")
    require_classes(images, config.model.num_classes, names)
    shortcut = getattr(config.model, "shortcut", "")
    title = config.model.title + ", no shortcuts" * (shortcut == "none")

    def progress(done: int, total: int) -> None:
        end = "\n" if done == total else "\r"
        print(f"{title}: {done} of {total} points", end=end, file=sys.stderr)

    known = {key: checkpoint.metrics.get(key) for key in _KNOWN}
    trained = {"network": title, "config": config.to_dict(), **known}
    return trained, landscape(
        checkpoint.model,
        images.part("train", 0, arguments.images),
        data,
        size=arguments.size,
        radius=arguments.radius,
        seed=arguments.seed,
        progress=progress if sys.stderr.isatty() else lambda done, total: None,
    )
