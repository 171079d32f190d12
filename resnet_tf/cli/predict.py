"""Predict the most probable classes of image files."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from resnet_tf.config import positive
from resnet_tf.data.image_file import SUFFIXES, is_image
from resnet_tf.evaluation.predict import Prediction, predict_files
from resnet_tf.streams import reader_is_gone, visible

_STDIN = "-"
_LONGEST_LINE = 65_536  # bytes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="Image files of any size, folders of images, or - to read a list of such "
        "paths from stdin, one per line.",
    )
    parser.add_argument(
        "--ckpt",
        required=True,
        help="Released model, checkpoint folder or run folder.",
    )
    parser.add_argument("--top", type=int, default=5, help="Classes to show per file.")
    parser.add_argument(
        "--json",
        action="store_true",
        help="Print one JSON object per file and line: image, temperature (null if the "
        "probabilities are not calibrated) and top, each class with its label and "
        "probability; or image and error.",
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints one line per file; exits with 1 if a file could not be used.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        SettingError: If `top` is below 1.
    """
    positive("top", arguments.top)
    failures: list[str] = []
    files = _files(arguments.images, failures)
    noted = False
    for found in predict_files(arguments.ckpt, files, arguments.top):
        if found.error is not None:
            _fail(found.error, failures)
        elif found.temperature is None and not noted:
            noted = True
            _say(f"note: {arguments.ckpt} has no temperature: not calibrated")
        if arguments.json:
            print(json.dumps(_record(found)), flush=True)
        elif found.error is None:
            print(_line(found), flush=True)
        if reader_is_gone():
            break
    if failures:
        sys.exit(1)


def _files(names: Iterable[str], failures: list[str]) -> Iterator[Path]:
    """Yields the files that the arguments name."""
    for name in names:
        if name != _STDIN:
            yield from _named(name, failures)
            continue
        # In the list, "-" is an ordinary file name.
        for line in _lines(sys.stdin.buffer, failures):
            yield from _named(line, failures)


def _lines(stream: BinaryIO, failures: list[str]) -> Iterator[str]:
    """Yields the paths on the lines of a stream; keeps only one line in memory."""
    while line := stream.readline(_LONGEST_LINE):
        rest = line
        while len(rest) == _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST_LINE)
        if rest is not line:
            start = os.fsdecode(line[:40])
            _fail(f"a path must be below {_LONGEST_LINE:,} bytes: {start}", failures)
        elif path := line.rstrip(b"\r\n"):
            yield os.fsdecode(path)


def _named(name: str, failures: list[str]) -> Iterator[Path]:
    """Yields a file, or the images in a folder."""
    if not os.path.isdir(name):
        yield Path(name)
        return
    images = list(_images(Path(name)))
    if not images:
        suffixes = " ".join(sorted(SUFFIXES))
        _fail(f"folder {name} must hold an image ({suffixes})", failures)
    yield from images


def _images(folder: Path) -> Iterator[Path]:
    """Yields the images in a folder and its subfolders, sorted, without hidden ones."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and is_image(path):
                yield path


def _record(found: Prediction) -> dict:
    if found.error is not None:
        return {"image": str(found.path), "error": found.error}
    top = [
        {"class": one.name, "label": one.label, "probability": one.probability}
        for one in found.top
    ]
    return {"image": str(found.path), "temperature": found.temperature, "top": top}


def _line(found: Prediction) -> str:
    cells = (f"{one.name} {100 * one.probability:.1f} %" for one in found.top)
    return visible(f"{found.path}: {', '.join(cells)}")


def _fail(message: str, failures: list[str]) -> None:
    failures.append(message)
    _say(f"error: {message}")


def _say(message: str) -> None:
    print(visible(message), file=sys.stderr, flush=True)
