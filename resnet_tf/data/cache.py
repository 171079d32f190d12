"""A cache of decoded images on disk, memory-mapped for a fast second start."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resnet_tf.config import DATASETS, DataConfig, parse_object
from resnet_tf.disk import user_path
from resnet_tf.errors import OutputError
from resnet_tf.ownership import require_own

Arrays = tuple[np.ndarray, np.ndarray]
_FILES = ("images.npy", "labels.npy")
_RECORD, _TAG = "cache.json", "CACHEDIR.TAG"
_NAMES = (*_FILES, _RECORD, _TAG)
# The first line follows https://bford.info/cachedir; the second marks our folders.
_SIGNATURE = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds decoded images of resnet_tf; it can be removed.\n"
)


def default_cache_dir() -> Path:
    """Returns `$XDG_CACHE_HOME/resnet_tf`, by default `~/.cache/resnet_tf`."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "resnet_tf"


def split_folder(config: DataConfig, test: bool) -> Path:
    """Returns the folder for the decoded images of a split.

    Raises:
        OutputError: If it is inside the user's folder of images, where every visible
            folder is a class.
    """
    home = user_path(config.cache_dir or default_cache_dir())
    folder = home / f"{config.dataset}-{'test' if test else 'train'}"
    if DATASETS[config.dataset].of_folders and config.data_dir is not None:
        data_dir = os.path.realpath(user_path(config.data_dir))
        inside = os.path.relpath(os.path.realpath(folder), data_dir)
        if not inside.startswith("."):
            raise OutputError(
                f"cache_dir must lie outside data_dir or be hidden, received {home}"
            )
    return folder


def cached(folder: Path, identity: str, decode: Callable[[], Arrays]) -> Arrays:
    """Returns (images, labels), read from `folder` if it holds this source.

    The folder stores the source's identity and the SHA-256 of each array. If one of
    them differs, or the folder is empty, the images are decoded and the folder is
    written again. If it cannot be written, the images stay in memory.

    Args:
        folder: Folder of this split; it must hold nothing else.
        identity: Text that changes whenever the source does.
        decode: Function that returns images uint8 (N, H, W, 3) and labels int32 (N,).

    Raises:
        OutputError: If the folder holds files that this package did not write.
    """
    _require_ours(folder)
    if _is_whole(folder, identity) and (arrays := _mapped(folder)):
        return arrays
    arrays = decode()
    try:
        _write(folder, identity, arrays)
    except OSError:
        return arrays
    return _mapped(folder) or arrays


def _is_whole(folder: Path, identity: str) -> bool:
    """Returns whether a folder holds this source, with every byte intact."""
    try:
        stored = parse_object((folder / _RECORD).read_bytes())
        return stored["identity"] == identity and all(
            _digest(folder / name) == stored["sha256"][name] for name in _FILES
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mapped(folder: Path) -> Arrays | None:
    try:
        images = np.load(folder / _FILES[0], mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / _FILES[1], allow_pickle=False)
    except (OSError, ValueError):
        return None
    same = images.ndim == 4 and labels.shape == images.shape[:1]
    right = (images.dtype, labels.dtype) == (np.uint8, np.int32)
    return (images, labels) if same and right else None


def _require_ours(folder: Path) -> None:
    """Raises unless a folder is new, empty, or marked and free of other files.

    Raises:
        OutputError: If the folder holds other files.
    """
    names = _NAMES if _is_marked(folder) else ()
    require_own(folder, "cache folder", lambda _: False, names)


def _is_marked(folder: Path) -> bool:
    try:
        with open(folder / _TAG, encoding="utf-8") as file:
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
    except (OSError, ValueError):
        pass
    # Earlier versions wrote no tag.
    try:
        stored = parse_object((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return False
    return stored.keys() == {"identity", "sha256"}


def _remove(folder: Path) -> None:
    """Removes the files of a cache folder, and then the empty folder."""
    if os.path.isdir(folder):
        _require_ours(folder)
        for name in _NAMES:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _write(folder: Path, identity: str, arrays: Arrays) -> None:
    if str(folder).startswith("~"):
        raise FileNotFoundError(f"no home folder for {folder}")
    folder = Path(os.path.realpath(folder))  # a link stays a link
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        digests = {}
        for name, array in zip(_FILES, arrays, strict=True):
            np.save(partial / name, array, allow_pickle=False)
            digests[name] = _digest(partial / name)
        stored = {"identity": identity, "sha256": digests}
        (partial / _RECORD).write_text(json.dumps(stored, indent=2) + "\n")
        (partial / _TAG).write_text(_SIGNATURE)
        _remove(folder)
        os.rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
