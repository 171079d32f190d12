"""Draw training images: originals above, and below as the network sees them."""

import argparse
import os
from pathlib import Path

from resnet_tf.cli.settings import add_settings, experiment, given_settings
from resnet_tf.config import DataConfig
from resnet_tf.data.sources import ensure_available, load_split
from resnet_tf.disk import user_path, writing
from resnet_tf.errors import OutputError, SettingError
from resnet_tf.ownership import require_own_file
from resnet_tf.startup import import_tensorflow

_COLUMNS, _UPDATES = 10, 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--output", required=True, help="PNG file to write.")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes a sheet with the first training images and their augmented versions.

    Raises:
        DataError: If the data set is not available.
        OutputError: If the file cannot be written.
        SettingError: If a setting is wrong.
    """
    output = user_path(arguments.output)
    _check(output)
    from resnet_tf.analysis.sheet import is_sheet, write_sheet

    require_own_file(output, "output", is_sheet)
    config = experiment(given_settings(arguments), arguments.recipe)
    ensure_available(config.data)
    import_tensorflow()
    rows = _rows(load_split(config.data, "train"), config.data, config.train.seed)
    with writing(output):
        write_sheet(output, rows)
    print(f"{output}: {len(rows[0])} images, {len(rows) - 1} augmented versions below")


def _check(output: Path) -> None:
    if output.suffix != ".png":
        raise SettingError(f"output must be a .png file, received {output}")
    if os.path.isdir(output) or not os.path.isdir(output.parent):
        raise OutputError(
            f"output must be a file in a folder that exists, received {output}"
        )


def _rows(images, config: DataConfig, seed: int):
    """Returns the originals and the augmented images as uint8 arrays.

    With alternating flips, the images turn from row to row, as from epoch to epoch.
    """
    import tensorflow as tf

    from resnet_tf.data.pipeline import flips, normalize, prepare
    from resnet_tf.data.visible import visible

    turned = flips(config, len(images), seed)
    split = images.part("train", 0, _COLUMNS)
    labels, classes = tf.constant(split.labels), len(split.class_names)
    rows = [normalize(split.images, config)]
    for update in range(_UPDATES):
        step = tf.constant(update, tf.int64)
        mirrored = turned and turned(tf.range(len(split)), step)
        own = split.images, labels
        seen, _ = prepare(*own, config, seed, step, classes, mirrored=mirrored)
        rows.append(seen)
    return [visible(row, config) for row in rows]
