"""Images in a folder of one's own: one folder a class, files of any size."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resnet_tf.data.cache import Arrays
from resnet_tf.data.folder_listing import Image, SplitRule, list_images
from resnet_tf.data.image_file import read_image, unreadable
from resnet_tf.errors import DataError

_NAMED = 5  # images in an error; the others are counted


@dataclass(frozen=True)
class FolderInfo:
    """What a folder of images holds, as its file names tell.

    Attributes:
        class_names: Names of the class folders, sorted.
        num_train: Images that are not test images (training + validation).
        num_test: Test images.
        num_validation: Images that validate if the user names no number.
    """

    class_names: tuple[str, ...]
    num_train: int
    num_test: int
    num_validation: int


def describe(data_dir: Path, rule: SplitRule = "class") -> FolderInfo:
    """Returns the classes and the number of images; decodes no image.

    Images lie directly in the folder of their class and end in one of `SUFFIXES`, or
    have no suffix and begin as an image does; hidden files and other files are passed
    over. Where there are DIR/train and DIR/test, each holds the class folders, and so
    does DIR/val, whose images validate; without DIR/test they are the test images.
    Otherwise DIR holds the class folders, and a tenth of each class are test images:
    those with the largest SHA-256 of their path relative to DIR (with "/", Unicode
    NFC), at least one of each class that has two.

    Args:
        data_dir: The folder.
        rule: "class", or "hash" as in earlier versions: a tenth of all images, by
            the hash alone, without DIR/val and without the suffixes that came later.

    Raises:
        DataError: If there are fewer than two classes, a class without an image, or
            the splits differ in their classes.
    """
    listing = list_images(data_dir, rule)
    images = len(listing.train) + len(listing.validation)
    return FolderInfo(
        listing.class_names, images, len(listing.test), listing.default_validation
    )


def decode(
    data_dir: Path,
    test: bool,
    side: int,
    rule: SplitRule = "class",
    validation_size: int = 0,
) -> Arrays:
    """Returns the test images, or all others with the validation images last.

    Each part is in the order of the SHA-256 of the path.

    Args:
        data_dir: As in `describe`.
        test: Which split.
        side: Height and width of the result in pixels.
        rule: As in `describe`.
        validation_size: How many images validate.

    Returns:
        Images uint8 (N, side, side, 3), RGB, mapped from an unnamed file on
        disk, and labels int32 (N,), indices of the sorted class names.

    Raises:
        DataError: If files are no images, damaged, or have over `MAX_PIXELS`, or
            there is no room for the unnamed file.
    """
    files = _files(data_dir, test, rule, validation_size)
    _require_room(len(files) * side * side * 3)
    # Not in memory: at 256x256 a hundred thousand images are 20 GB.
    with tempfile.TemporaryFile() as file:
        images = np.memmap(file, np.uint8, "w+", shape=(len(files), side, side, 3))
    errors: list[DataError] = []
    broken = 0
    for index, (name, _) in enumerate(files):
        try:
            images[index] = read_image(data_dir / name, side)
        except DataError as error:
            broken += 1
            errors += [error] if len(errors) < _NAMED else []
    if broken == 1:
        raise errors[0]
    if broken:
        more = f"; and {broken - _NAMED:,} more" * (broken > _NAMED)
        raise DataError(
            f"{broken:,} of {len(files):,} images cannot be used: "
            f"{'; '.join(map(str, errors))}{more}"
        )
    return images, np.array([label for _, label in files], np.int32)


def notes(data_dir: Path, rule: SplitRule, validation_size: int) -> Iterator[str]:
    """Yields what a user should know of the files: which are passed over, and which
    classes have no image in a split."""
    listing = list_images(data_dir, rule)
    if rule == "class":
        listing.hold_out(validation_size)
        yield from listing.notes()
        return
    # Earlier versions take the last training images.
    border = len(listing.train) - validation_size
    listing.validation = listing.train[border:]
    listing.train = listing.train[:border]
    yield from listing.notes()


def _files(
    data_dir: Path, test: bool, rule: SplitRule, validation_size: int
) -> list[Image]:
    listing = list_images(data_dir, rule)
    if test:
        return listing.test
    if rule == "class":
        listing.hold_out(validation_size)
    return listing.train + listing.validation


def _require_room(size: int) -> None:
    """Refuses what the folder of temporary files cannot hold: a mapped page without
    room on the disk would kill the process."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(
            f"{folder} must have {size:,} bytes free for the decoded images, received "
            f"{free:,}; TMPDIR names another folder"
        )


def identity(
    data_dir: Path,
    test: bool,
    side: int,
    rule: SplitRule = "class",
    validation_size: int = 0,
) -> str:
    """Returns a SHA-256 over the names, sizes and times of the split's files, in their
    order."""
    class_names = list_images(data_dir, rule).class_names
    facts = [str(data_dir.resolve()), test, side, class_names]
    for name, label in _files(data_dir, test, rule, validation_size):
        try:
            stat = (data_dir / name).stat()
        except OSError as error:
            raise unreadable(data_dir / name, error) from error
        facts.append([name, label, stat.st_size, stat.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
