"""The images of a folder and the split of each."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from resnet_tf.data.image_file import SUFFIXES, is_image, is_image_name, unreadable
from resnet_tf.errors import DataError

SplitRule = Literal["class", "hash"]
Image = tuple[str, int]

RULE = "an image folder is DIR/CLASS/* or DIR/train/CLASS/* with DIR/test/CLASS/*"
_VALIDATION = ("val", "valid", "validation")
# The suffixes that earlier versions read; the rule "hash" still uses them.
_EARLIER = frozenset(".png .jpg .jpeg .bmp .gif .webp .ppm .tif .tiff".split())
_NAMED = 5  # names listed in a note; the others are only counted


@dataclass
class Listing:
    """The images of a folder, each as (path relative to it, label).

    Attributes:
        class_names: Names of the class folders, sorted.
        train: Training images, ordered by the hash of their path.
        validation: Validation images, ordered by the hash of their path; empty if they
            must be taken from the training images.
        test: Test images, ordered by the hash of their path.
        default_validation: Default number of validation images.
        passed_over: Number of files that are not images, by suffix.
        elsewhere: Number of images in folders that are not read, by folder.
    """

    class_names: tuple[str, ...]
    train: list[Image]
    test: list[Image]
    validation: list[Image] = field(default_factory=list)
    default_validation: int = 0
    passed_over: Counter = field(default_factory=Counter)
    elsewhere: Counter = field(default_factory=Counter)

    def hold_out(self, size: int, rule: SplitRule) -> None:
        """Moves training images to `validation` if it is empty.

        The rule "class" takes images of each class; the rule "hash" takes the last
        ones.
        """
        if self.validation:
            return
        if rule == "hash":
            border = max(0, len(self.train) - size)
            self.train, self.validation = self.train[:border], self.train[border:]
        else:
            self.train, self.validation = _parted(
                self.train, len(self.class_names), size
            )

    def notes(self) -> Iterator[str]:
        """Yields notes on the files for the user, one line each."""
        if self.passed_over:
            kinds = _brief(f"{n:,} {name}" for name, n in _counted(self.passed_over))
            yield f"files that are not images are skipped: {kinds}"
        if self.elsewhere:
            places = _brief(f"{n:,} in {name}" for name, n in _counted(self.elsewhere))
            yield f"images in other folders are skipped: {places}"
        for name in ("train", "validation", "test"):
            labels = {label for _, label in getattr(self, name)}
            lacking = [c for n, c in enumerate(self.class_names) if n not in labels]
            if lacking and (labels or name != "validation"):
                yield f"classes without a {name} image: {_brief(lacking)}"
        if not self.validation:
            yield "there are no validation images"


def list_images(data_dir: Path, rule: SplitRule) -> Listing:
    """Returns all images below `data_dir`, split and ordered by their path's SHA-256.

    Raises:
        DataError: If the folder cannot be read, there are fewer than two classes, a
            class has no image or a name that cannot be stored, or the splits have
            different classes.
    """
    parts = _split_folders(data_dir, rule)
    scan = _Scan(data_dir, rule)
    if not parts:
        names, images = scan.classes("")
        train, test = _test_taken(images, len(names), rule)
        listing = Listing(names, train, test)
    else:
        names, train = scan.classes(f"{parts['train']}/")
        listing = Listing(names, train, [])
        for part in ("test", "validation"):
            if part in parts:
                others, images = scan.classes(f"{parts[part]}/")
                _require_same(data_dir, names, others, parts[part])
                setattr(listing, part, images)
        scan.beside(set(parts.values()))
    if rule == "hash":
        listing.default_validation = len(listing.train) // 10
    elif listing.validation:
        listing.default_validation = len(listing.validation)
    else:
        counts = Counter(label for _, label in listing.train)
        listing.default_validation = tenth(list(counts.values()))
    listing.passed_over, listing.elsewhere = scan.passed_over, scan.elsewhere
    return listing


def normal(name: str) -> str:
    """Returns the name in NFC form; some systems decompose accents."""
    return unicodedata.normalize("NFC", name)


def _split_folders(data_dir: Path, rule: SplitRule) -> dict[str, str]:
    """Returns the folder of each split; empty if `data_dir` holds the class folders."""

    def has(name: str) -> bool:
        return os.path.isdir(data_dir / name)

    found = {name: name for name in ("train", "test") if has(name)}
    if rule == "hash":
        return found if len(found) == 2 else {}
    validation = [name for name in _VALIDATION if has(name)]
    if "train" not in found or len(found) + len(validation) < 2:
        return {}
    first = validation[0] if validation else None
    if len(validation) > 1:
        raise DataError(
            f"{data_dir} must hold one validation folder, it holds "
            f"{' and '.join(validation)}"
        )
    if "test" in found:
        return found | ({"validation": first} if first else {})
    # They could be two classes with these names.
    if any(not folder for _, folder in _entries(data_dir / "train")):
        return {}
    return found | {"test": first}


class _Scan:
    """A scan of class folders for images, which counts the other files.

    Args:
        data_dir: The folder.
        rule: Rule of the split; "hash" reads only the suffixes of earlier versions.
    """

    def __init__(self, data_dir: Path, rule: SplitRule):
        self._root, self._rule = data_dir, rule
        self.passed_over: Counter[str] = Counter()
        self.elsewhere: Counter[str] = Counter()

    def classes(self, prefix: str) -> tuple[tuple[str, ...], list[Image]]:
        """Returns the sorted class names below `prefix`, and the images by hash."""
        folders = []
        for name, is_folder in _entries(self._root / prefix):
            if is_folder:
                folders.append(name)
            else:
                self._pass_over(f"{prefix}{name}")
        folders.sort(key=normal)
        names = tuple(map(normal, folders))
        _require_names(self._root / prefix, names)
        images = []
        for label, folder in enumerate(folders):
            found = list(self._images(f"{prefix}{folder}/"))
            if not found:
                raise DataError(
                    f"class folder {self._root / prefix / folder} must hold an image "
                    f"({' '.join(sorted(SUFFIXES))}){self._nearby(prefix, folder)}; "
                    f"{RULE}"
                )
            images += ((name, label) for name in found)
        images.sort(key=lambda image: (_digest(image[0]), image[0]))
        return names, images

    def beside(self, read: set[str]) -> None:
        """Counts the images in folders that are not a split."""
        for name, is_folder in _entries(self._root):
            if not is_folder:
                self._pass_over(name)
            elif name not in read:
                self._count(name)

    def _images(self, prefix: str) -> Iterator[str]:
        """Yields the images of a class folder and counts its other files."""
        for name, is_folder in _entries(self._root / prefix):
            if is_folder:
                self._count(f"{prefix}{name}")
            elif self._is_image(prefix, name):
                yield f"{prefix}{name}"
            else:
                self._pass_over(f"{prefix}{name}")

    def _is_image(self, prefix: str, name: str) -> bool:
        if self._rule == "hash":
            return os.path.splitext(name)[1].lower() in _EARLIER
        return is_image(self._root / prefix / name)

    def _pass_over(self, name: str) -> None:
        if is_image_name(name) and "/" not in name:
            self.elsewhere["DIR itself"] += 1
        else:
            suffix = os.path.splitext(name)[1].lower()
            self.passed_over[suffix or "without a suffix"] += 1

    def _count(self, folder: str) -> None:
        """Counts the images at any depth of a folder that is not read."""
        for _, _, names in os.walk(self._root / folder):
            images = sum(is_image_name(n) for n in names if not n.startswith("."))
            if images:
                self.elsewhere[folder] += images

    def _nearby(self, prefix: str, folder: str) -> str:
        """Returns a note on images deeper in an empty class folder, for its error."""
        start = f"{prefix}{folder}/"
        found = sum(n for name, n in self.elsewhere.items() if name.startswith(start))
        return f", it holds {found:,} in subfolders" if found else ""


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Returns (name, whether it is a folder) of each entry that is not hidden."""
    try:
        with os.scandir(folder) as entries:
            return [(e.name, e.is_dir()) for e in entries if not e.name.startswith(".")]
    except OSError as error:
        raise unreadable(folder, error) from error


def _require_names(folder: Path, names: tuple[str, ...]) -> None:
    """Raises a DataError unless there are at least two names that can be stored."""
    if len(names) < 2:
        raise DataError(
            f"{folder} must hold at least 2 class folders, it holds {len(names)}; "
            f"{RULE}"
        )
    for name in names:
        if name != name.encode(errors="replace").decode():
            raise DataError(
                f"class folders in {folder} must have names in UTF-8, received {name!a}"
            )
        if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
            raise DataError(
                f"class folders in {folder} must have names without line breaks and "
                f"control characters, received {name!a}"
            )
    if len(set(names)) < len(names):
        raise DataError(f"{folder} must not hold two classes of one name")


def _require_same(
    data_dir: Path, names: tuple[str, ...], others: tuple[str, ...], part: str
) -> None:
    if names != others:
        odd = min(set(names) ^ set(others))
        lacking = part if odd in names else "train"
        raise DataError(
            f"{data_dir} must have the same classes in train and {part}, "
            f"{odd!r} is not in {lacking}"
        )


def _test_taken(
    images: list[Image], classes: int, rule: SplitRule
) -> tuple[list[Image], list[Image]]:
    """Returns the images without the test images, and the test images."""
    if rule == "hash":
        border = len(images) - max(1, len(images) // 10)
        return images[:border], images[border:]
    counts = Counter(label for _, label in images)
    return _parted(images, classes, max(1, tenth(list(counts.values()))))


def _parted(
    images: list[Image], classes: int, size: int
) -> tuple[list[Image], list[Image]]:
    """Returns the images without the last ones of each class, and the last ones."""
    counts = Counter(label for _, label in images)
    left = held_out([counts[label] for label in range(classes)], size)
    kept, taken = [], []
    for image in reversed(images):
        if left[image[1]]:
            left[image[1]] -= 1
            taken.append(image)
        else:
            kept.append(image)
    return kept[::-1], taken[::-1]


def held_out(counts: Sequence[int], total: int) -> list[int]:
    """Returns the number of held-out images of each class.

    Every class with at least two images gives one, larger classes first. The rest is
    distributed in proportion to the class sizes (D'Hondt's method). The last image of a
    class is taken only if no other image is left.

    Args:
        counts: Number of images of each class.
        total: Number of images to hold out, at most the sum of `counts`.
    """
    order = []
    for label, count in enumerate(counts):
        for number in range(1, count + 1):
            level = 2 if number == count else int(number > 1)
            order.append((level, -count / number, label))
    taken = [0] * len(counts)
    for _, _, label in sorted(order)[:total]:
        taken[label] += 1
    return taken


def tenth(counts: Sequence[int]) -> int:
    """Returns the sum of a tenth of each class with two images, at least one each."""
    return sum(max(1, count // 10) for count in counts if count > 1)


def _digest(name: str) -> bytes:
    return hashlib.sha256(normal(name).encode("utf-8", "surrogateescape")).digest()


def _counted(numbers: Counter[str]) -> list[tuple[str, int]]:
    """Returns (name, number), sorted with the largest number first."""
    return sorted(numbers.items(), key=lambda item: (-item[1], item[0]))


def _brief(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
