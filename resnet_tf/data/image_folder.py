"""Images in a folder of one's own: one folder a class, files of any size."""

import hashlib
import json
import os
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resnet_tf.data.cache import Arrays
from resnet_tf.data.image_file import SUFFIXES, read_image, unreadable
from resnet_tf.errors import DataError

_RULE = "an image folder is DIR/CLASS/* or DIR/train/CLASS/* with DIR/test/CLASS/*"


@dataclass(frozen=True)
class FolderInfo:
    """What a folder of images holds, as its file names tell.

    Attributes:
        class_names: Names of the class folders, sorted.
        num_train: Images that are not test images (training + validation).
        num_test: Test images.
    """

    class_names: tuple[str, ...]
    num_train: int
    num_test: int


@dataclass(frozen=True)
class _Listing:
    """The images of a folder: (path relative to it, label), in order of the hash."""

    class_names: tuple[str, ...]
    train: list[tuple[str, int]]
    test: list[tuple[str, int]]


def describe(data_dir: Path) -> FolderInfo:
    """Returns the classes and the number of images; opens no image.

    Images lie directly in the folder of their class and end in one of
    `SUFFIXES`; hidden files and other files are passed over. Where there are
    DIR/train and DIR/test, each holds the class folders; otherwise DIR does, and
    a tenth of all images are test images: those with the largest SHA-256 of
    their path relative to DIR (with "/", Unicode NFC), at least one.

    Raises:
        DataError: If there are fewer than two classes, a class without an image,
            or train and test differ in their classes.
    """
    listing = _list(data_dir)
    return FolderInfo(listing.class_names, len(listing.train), len(listing.test))


def decode(data_dir: Path, test: bool, side: int) -> Arrays:
    """Returns the test images, or all others, by the SHA-256 of their path.

    The EXIF orientation is applied, transparent pixels lie on black, greys of 16
    bits are scaled to 8. The largest central square is resized to `side`
    (bilinear, antialiased where it shrinks).

    Args:
        data_dir: As in `describe`.
        test: Which split.
        side: Height and width of the result in pixels.

    Returns:
        Images uint8 (N, side, side, 3), RGB, mapped from an unnamed file on
        disk, and labels int32 (N,), indices of the sorted class names.

    Raises:
        DataError: If a file is no image, damaged, or has over `MAX_PIXELS`, or there
            is no room for the unnamed file.
    """
    listing = _list(data_dir)
    files = listing.test if test else listing.train
    _require_room(len(files) * side * side * 3)
    # Not in memory: at 256x256 a hundred thousand images are 20 GB.
    with tempfile.TemporaryFile() as file:
        images = np.memmap(file, np.uint8, "w+", shape=(len(files), side, side, 3))
    for index, (name, _) in enumerate(files):
        images[index] = read_image(data_dir / name, side)
    return images, np.array([label for _, label in files], np.int32)


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


def identity(data_dir: Path, test: bool, side: int) -> str:
    """Returns a SHA-256 over the names, sizes and times of the split's files."""
    listing = _list(data_dir)
    facts = [str(data_dir.resolve()), test, side, listing.class_names]
    for name, label in listing.test if test else listing.train:
        try:
            stat = (data_dir / name).stat()
        except OSError as error:
            raise unreadable(data_dir / name, error) from error
        facts.append([name, label, stat.st_size, stat.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _list(data_dir: Path) -> _Listing:
    """Returns all images below `data_dir`, split and in order."""
    if all(os.path.isdir(data_dir / name) for name in ("train", "test")):
        names, train = _classes(data_dir, "train/")
        others, test = _classes(data_dir, "test/")
        if names != others:
            odd = min(set(names) ^ set(others))
            lacking = "test" if odd in names else "train"
            raise DataError(
                f"{data_dir} must have the same classes in train and test, "
                f"{odd!r} is not in {lacking}"
            )
        return _Listing(names, train, test)
    names, images = _classes(data_dir, "")
    border = len(images) - max(1, len(images) // 10)
    return _Listing(names, images[:border], images[border:])


def _classes(
    data_dir: Path, prefix: str
) -> tuple[tuple[str, ...], list[tuple[str, int]]]:
    """Returns the sorted class names below `prefix`, and (path, label) by hash."""
    folders = [name for name, is_folder in _scan(data_dir / prefix) if is_folder]
    folders.sort(key=_normal)
    if len(folders) < 2:
        raise DataError(
            f"{data_dir / prefix} must hold at least 2 class folders, it holds "
            f"{len(folders)}; {_RULE}"
        )
    names = tuple(map(_normal, folders))
    for name in names:
        if name != name.encode(errors="replace").decode():
            raise DataError(
                f"class folders in {data_dir / prefix} must have names in UTF-8, "
                f"received {name!a}"
            )
    if len(set(names)) < len(names):
        raise DataError(f"{data_dir / prefix} must not hold two classes of one name")
    images: list[tuple[str, int]] = []
    for label, folder in enumerate(folders):
        found = [
            (f"{prefix}{folder}/{name}", label)
            for name, is_folder in _scan(data_dir / prefix / folder)
            if not is_folder and os.path.splitext(name)[1].lower() in SUFFIXES
        ]
        if not found:
            raise DataError(
                f"class folder {data_dir / prefix / folder} must hold an image "
                f"({' '.join(sorted(SUFFIXES))}); {_RULE}"
            )
        images += found
    images.sort(key=lambda image: (_digest(image[0]), image[0]))
    return names, images


def _scan(folder: Path) -> list[tuple[str, bool]]:
    """Returns (name, whether it is a folder) of what lies there, hidden files not."""
    try:
        with os.scandir(folder) as entries:
            return [(e.name, e.is_dir()) for e in entries if not e.name.startswith(".")]
    except OSError as error:
        raise unreadable(folder, error) from error


def _normal(name: str) -> str:
    """Returns the name as every system writes it: some take accents apart."""
    return unicodedata.normalize("NFC", name)


def _digest(name: str) -> bytes:
    return hashlib.sha256(_normal(name).encode("utf-8", "surrogateescape")).digest()
