"""Images in a user's own folder: one folder per class, files of any size."""

import functools
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np

from resnet_tf.config import DataConfig, DatasetInfo, folder_info
from resnet_tf.data.cache import Arrays
from resnet_tf.data.folder_listing import Image, Listing, list_images
from resnet_tf.data.image_file import read_image, unreadable
from resnet_tf.data.split import DataSource
from resnet_tf.disk import user_path
from resnet_tf.errors import DataError, SettingError

_NAMED = 5  # images named in an error; the others are only counted


class ImageFolder(DataSource):
    """The images in `data_dir`, called DIR below, which is listed once.

    Images lie directly in the folder of their class. They have one of `SUFFIXES`, or no
    suffix and the first bytes of an image. Hidden files and other files are skipped. If
    there are DIR/train and DIR/test, each holds the class folders. So does DIR/val with
    the validation images; without DIR/test, these are the test images. Otherwise DIR
    holds the class folders, and a tenth of each class are test images: the images with
    the largest SHA-256 of their path relative to DIR (with "/", Unicode NFC), at least
    one of each class with two images.

    With `folder_split="hash"`, as in earlier versions, a tenth of all images are test
    images, by the hash alone. DIR/val and newer suffixes are not read.

    Raises:
        SettingError: If `data_dir` is None.
    """

    def __init__(self, config: DataConfig):
        super().__init__(config)
        if config.data_dir is None:
            raise SettingError(
                f"data_dir must be given for dataset={config.dataset}, received none"
            )
        self._root = user_path(config.data_dir)

    @functools.cached_property
    def _listing(self) -> Listing:
        """The images, with the validation images held out.

        Raises:
            DataError: If there are fewer than two classes, a class has no image, or the
                splits have different classes.
        """
        rule = self.config.folder_split
        listing = list_images(self._root, rule)
        listing.hold_out(self.config.validation_size, rule)
        return listing

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._listing.class_names

    def info(self) -> DatasetInfo:
        found = self._listing
        images = len(found.train) + len(found.validation)
        return folder_info(len(found.class_names), images, found.default_validation)

    def ensure_available(self) -> None:
        self.info()

    def notes(self) -> Iterator[str]:
        for note in self._listing.notes():
            yield f"{self._root}: {note}"

    def identity(self, test: bool) -> str:
        """Returns the SHA-256 of the names, sizes and times of the split's files."""
        root, side = self._root, self.config.stored_side
        facts = [str(root.resolve()), test, side, self.class_names]
        for name, label in self._files(test):
            try:
                stat = (root / name).stat()
            except OSError as error:
                raise unreadable(root / name, error) from error
            facts.append([name, label, stat.st_size, stat.st_mtime_ns])
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def decode(self, test: bool) -> Arrays:
        """Returns the test images or all other images, with the validation images last.

        Each part is ordered by the SHA-256 of the path. The images are memory-mapped
        from an unnamed file on disk.

        Raises:
            DataError: If files are not images, are damaged or have over `MAX_PIXELS`
                pixels, or there is no space for the unnamed file.
        """
        files, side = self._files(test), self.config.stored_side
        _require_room(len(files) * side * side * 3)
        # On disk, as a hundred thousand images of 256x256 pixels take 20 GB.
        with tempfile.TemporaryFile() as file:
            images = np.memmap(file, np.uint8, "w+", shape=(len(files), side, side, 3))
        errors: list[DataError] = []
        broken = 0
        for index, (name, _) in enumerate(files):
            try:
                images[index] = read_image(self._root / name, side)
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

    def _files(self, test: bool) -> list[Image]:
        found = self._listing
        return found.test if test else found.train + found.validation


def _require_room(size: int) -> None:
    """Raises unless the folder of temporary files has enough free space.

    Without it, writing to a mapped page would kill the process.

    Raises:
        DataError: If the free space is too small.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(
            f"{folder} must have {size:,} bytes free for the decoded images, received "
            f"{free:,}; TMPDIR names another folder"
        )
