"""CIFAR from its official files: a folder or an archive, Python or binary version.

https://www.cs.toronto.edu/~kriz/cifar.html describes the files. Archives are read in
place. No pickle is executed and nothing is written to disk.
"""

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from resnet_tf.config import DataConfig
from resnet_tf.data.cache import Arrays
from resnet_tf.data.cifar_layouts import LAYOUTS, Layout
from resnet_tf.data.pickled_array import (
    ARRAY_SYMBOLS,
    ArrayError,
    read_array,
    read_int,
)
from resnet_tf.data.plain_pickle import PickleError, read_pickle
from resnet_tf.data.split import DataSource
from resnet_tf.data.tar_members import members
from resnet_tf.errors import DataError, MissingDataError

NUM_TRAIN, NUM_TEST = 50_000, 10_000
ROW_BYTES = 3 * 32 * 32

# A pickle written by Python 3 in protocol 2 uses two bytes for half of the pixels.
_MAX_FILE_BYTES_PER_IMAGE = 2 * ROW_BYTES + 512
_MAX_OTHER_BYTES = 1 << 20
_MAX_MEMBERS = 100


class OfficialFiles(DataSource):
    """CIFAR from a folder or an archive of official files.

    Args:
        config: The data set.
        path: Folder or archive that `find` returned.
    """

    def __init__(self, config: DataConfig, path: Path):
        super().__init__(config)
        self._path = path

    def official(self, test: bool) -> int:
        return NUM_TEST if test else NUM_TRAIN

    def notes(self) -> Iterator[str]:
        for folder in half_extracted(self.config.dataset, self._path):
            yield f"{folder} is incomplete: {self._path} is used"

    def identity(self, test: bool) -> str:
        return identity(self._path, test)

    def decode(self, test: bool) -> Arrays:
        return decode(self.config.dataset, self._path, test)


def official_names(dataset: str) -> list[str]:
    """Returns the official folder and archive names of a data set."""
    layouts = LAYOUTS[dataset]
    return [layout.folder for layout in layouts] + [x.archive for x in layouts]


def find(dataset: str, data_dir: Path) -> Path | None:
    """Returns the folder or archive with the official files, or None.

    Args:
        dataset: "cifar10", "cifar100" or "cifar100_coarse".
        data_dir: That folder or archive, or a folder that contains it. A folder with an
            unofficial name must be complete. An archive is preferred to a folder with
            missing or truncated files.

    Raises:
        DataError: If `data_dir` is a file but not an official archive.
    """
    layouts = LAYOUTS[dataset]
    layout, folder = next(_folders(layouts, data_dir), (None, None))
    if folder and _is_whole(layout, folder):
        return folder
    for layout in layouts:
        for path in (data_dir, data_dir / layout.archive):
            if _is_archive(layout, path):
                return path
    if folder:
        return folder
    if os.path.isfile(data_dir):
        names = " or ".join(layout.archive for layout in layouts)
        raise DataError(f"data_dir must be a folder or {names}, received {data_dir}")
    return None


def half_extracted(dataset: str, archive: Path) -> list[Path]:
    """Returns the incomplete official folders next to an archive that is used."""
    if not archive.is_file():
        return []
    return [path for _, path in _folders(LAYOUTS[dataset], archive.parent)]


def decode(dataset: str, path: Path, test: bool) -> Arrays:
    """Returns the official test images or the 50,000 training images, in order.

    Args:
        dataset: "cifar10", "cifar100" (fine labels) or "cifar100_coarse".
        path: Folder or archive that `find` returned.
        test: Whether to return the test images.

    Returns:
        Images uint8 (N, 32, 32, 3), RGB, and labels int32 (N,).

    Raises:
        DataError: If a file is missing, damaged or of another kind.
    """
    layout = _layout(dataset, path)
    names = layout.files(test)
    total = NUM_TEST if test else NUM_TRAIN
    rows = total // len(names)
    images = np.empty((total, 32, 32, 3), np.uint8)
    labels = np.empty(total, np.int32)
    missing = set(names)
    read = _from_archive if _is_archive(layout, path) else _from_folder
    for name, content in read(layout, path, names, rows):
        file = path / name
        if name not in missing:
            raise DataError(f"{file} must occur once, it occurs again")
        missing.remove(name)
        if layout.label_bytes:
            planes, numbers = _read_rows(file, content, rows, layout)
        else:
            planes, numbers = _read_batch(file, content, rows, layout, test)
        _check_labels(file, numbers, layout.num_classes)
        part = slice(names.index(name) * rows, (names.index(name) + 1) * rows)
        images[part] = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[part] = numbers
    if missing:
        raise MissingDataError(
            f"{path} must hold {', '.join(names)}: no {min(missing)}"
        )
    return images, labels


def identity(path: Path, test: bool) -> str:
    """Returns the SHA-256 of the names, sizes and times of the split's files."""
    facts: list = [str(path.resolve()), test]
    names = {n for pair in LAYOUTS.values() for x in pair for n in x.files(test)}
    for file in [path] if path.is_file() else sorted(path / name for name in names):
        if file.is_file():
            stat = file.stat()
            facts.append([file.name, stat.st_size, stat.st_mtime_ns])
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _folders(
    layouts: tuple[Layout, ...], data_dir: Path
) -> Iterator[tuple[Layout, Path]]:
    """Yields the folders of official files at or in `data_dir`."""
    for layout in layouts:
        for path in (data_dir, data_dir / layout.folder):
            if _is_folder(layout, path):
                yield layout, path


def _is_whole(layout: Layout, path: Path) -> bool:
    """Returns whether every file exists and is large enough for its pixels."""
    for test, total in ((False, NUM_TRAIN), (True, NUM_TEST)):
        names = layout.files(test)
        least = total // len(names) * ROW_BYTES
        for file in (path / name for name in names):
            if not file.is_file() or file.stat().st_size < least:
                return False
    return True


def _is_folder(layout: Layout, path: Path) -> bool:
    # Unlike `Path.is_dir`, returns False for names that are not valid on the disk.
    if layout.folder in (path.name, os.path.basename(os.path.realpath(path))):
        return os.path.isdir(path)
    files = (path / name for name in (*layout.train, layout.test))
    return all(map(os.path.isfile, files))


def _is_archive(layout: Layout, path: Path) -> bool:
    return path.name == layout.archive and os.path.isfile(path)


def _layout(dataset: str, path: Path) -> Layout:
    for layout in LAYOUTS[dataset]:
        if _is_archive(layout, path) or _is_folder(layout, path):
            return layout
    raise DataError(f"{path} holds no official file of {dataset}")


def _check_size(file: Path, size: int, rows: int) -> None:
    limit = rows * _MAX_FILE_BYTES_PER_IMAGE + _MAX_OTHER_BYTES
    if size > limit:
        raise DataError(f"{file} must have at most {limit} bytes, it has {size}")


def _from_folder(
    layout: Layout, path: Path, names: tuple[str, ...], rows: int
) -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each file."""
    for name in names:
        file = path / name
        if not file.is_file():
            continue
        try:
            _check_size(file, file.stat().st_size, rows)
            yield name, file.read_bytes()
        except OSError as error:
            raise DataError(f"{file} cannot be read: {error.strerror}") from error


def _from_archive(
    layout: Layout, path: Path, names: tuple[str, ...], rows: int
) -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each wanted member, in one pass.

    Only regular files at their official paths are read; other members are skipped. The
    archive is read to its end, which verifies its checksum.
    """
    wanted = {f"{layout.folder}/{name}": name for name in names}
    try:
        with gzip.open(path) as unpacked:
            stream = _Bounded(unpacked, path)
            for count, (member, content) in enumerate(members(stream)):
                stream.check(member.size)
                if count >= _MAX_MEMBERS:
                    raise DataError(f"{path} has over {_MAX_MEMBERS} members")
                name = wanted.get(member.name.removeprefix("./"))
                if name is None:
                    continue
                if not member.regular:
                    raise DataError(f"{path / name} must be a regular file")
                _check_size(path / name, member.size, rows)
                yield name, content.read()
            while stream.read(1 << 20):
                pass
    except DataError:
        raise
    except Exception as error:  # each kind of damage raises a different error
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path} cannot be read: {reason}") from error


class _Bounded:
    """An unpacked archive, limited to a little more than its official size."""

    def __init__(self, stream: gzip.GzipFile, path: Path):
        images = NUM_TRAIN + NUM_TEST
        self._stream, self._path = stream, path
        self._left = images * _MAX_FILE_BYTES_PER_IMAGE + _MAX_OTHER_BYTES

    def check(self, size: int) -> None:
        if size > self._left:
            raise DataError(f"{self._path} unpacks to more than the official files")

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self.check(len(content))
        self._left -= len(content)
        return content


def _read_rows(
    file: Path, content: bytes, rows: int, layout: Layout
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the planes uint8 (rows, 3072) and labels of a binary file."""
    width = layout.label_bytes + ROW_BYTES
    if len(content) != rows * width:
        raise DataError(
            f"{file} must have {rows} rows of {width} bytes = {rows * width} bytes, "
            f"it has {len(content)}"
        )
    table = np.frombuffer(content, np.uint8).reshape(rows, width)
    return table[:, layout.label_bytes :], table[:, layout.label_at]


def _read_batch(
    file: Path, content: bytes, rows: int, layout: Layout, test: bool
) -> tuple[np.ndarray, list[int]]:
    """Returns the planes uint8 (rows, 3072) and labels of a pickled file."""
    try:
        batch, _ = read_pickle(content, ARRAY_SYMBOLS)
    except PickleError as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    if not isinstance(batch, dict):
        raise DataError(f"{file} must hold a dict")
    batch = {_text(key): value for key, value in batch.items()}
    if "data" not in batch or layout.labels not in batch:
        raise DataError(
            f"{file} must hold data and {layout.labels}, it holds "
            f"{', '.join(sorted(map(str, batch)))[:200]}"
        )
    number, total = layout.files(test).index(file.name) + 1, len(layout.files(test))
    expected = f"{'testing' if test else 'training'} batch {number} of {total}"
    found = _text(batch.get("batch_label", expected))
    if found != expected:
        raise DataError(f"{file} must be the {expected}, it is {_brief(found)}")
    labels = _labels(file, batch[layout.labels], layout.labels)
    if len(labels) != rows:
        raise DataError(f"{file} must hold {rows} labels, it holds {len(labels)}")
    return _planes(file, batch["data"], (rows, ROW_BYTES)), labels


def _labels(file: Path, value: object, name: str) -> list[int]:
    """Returns labels pickled as numbers, NumPy scalars or an array."""
    try:
        labels = value if isinstance(value, list) else read_array(value).tolist()
        return [label if type(label) is int else read_int(label) for label in labels]
    except (ArrayError, TypeError) as error:
        raise DataError(f"{file} must hold {name} as a list of int: {error}") from error


def _planes(file: Path, value: object, shape: tuple[int, int]) -> np.ndarray:
    """Returns the pixels, uint8 of `shape`."""
    try:
        array = read_array(value)
    except ArrayError as error:
        raise DataError(
            f"{file} must hold data as an array of two dimensions: {error}"
        ) from error
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(
            f"data in {file} must be u1 {shape}, it is {array.dtype.str[1:]!r} "
            f"{array.shape}"
        )
    return array


def _check_labels(file: Path, labels: np.ndarray | list[int], classes: int) -> None:
    low, high = min(labels), max(labels)
    if low < 0 or high >= classes:
        raise DataError(
            f"labels in {file} must be 0 to {classes - 1}, found {low} to {high}"
        )


def _brief(value: object) -> str:
    """Returns a short text; a value with shared parts could print endlessly."""
    return repr(value[:80]) if isinstance(value, str) else type(value).__name__


def _text(value: object) -> object:
    return value.decode("latin-1") if isinstance(value, bytes) else value
