"""Decoded images on disk, memory-mapped, so that a second start is fast."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from resnet_tf.config import DataConfig, parse_object
from resnet_tf.disk import user_path

Arrays = tuple[np.ndarray, np.ndarray]
_FILES = ("images.npy", "labels.npy")


def default_cache_dir() -> Path:
    """Returns `$XDG_CACHE_HOME/resnet_tf`, by default `~/.cache/resnet_tf`."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "resnet_tf"


def split_folder(config: DataConfig, test: bool) -> Path:
    """Returns where the decoded images of a split lie."""
    home = config.cache_dir or default_cache_dir()
    name = f"{config.dataset}-{'test' if test else 'train'}"
    return user_path(home) / name


def cached(folder: Path, identity: str, decode: Callable[[], Arrays]) -> Arrays:
    """Returns (images, labels), from `folder` where it holds this source.

    The folder keeps the source's identity and a SHA-256 of each array. Where one
    of them does not agree, or nothing is there, the images are decoded and the
    folder is written again; where it cannot be written, they stay in memory.

    Args:
        folder: Where this split lies; it holds nothing else.
        identity: Text that changes whenever the source does.
        decode: Returns images uint8 (N, H, W, 3) and labels int32 (N,).
    """
    arrays = _read(folder, identity)
    if arrays is not None:
        return arrays
    arrays = decode()
    try:
        _write(folder, identity, arrays)
    except OSError:
        return arrays
    return _read(folder, identity) or arrays


def _read(folder: Path, identity: str) -> Arrays | None:
    try:
        stored = parse_object((folder / "cache.json").read_bytes())
        if stored["identity"] != identity:
            return None
        for name in _FILES:
            with open(folder / name, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != stored["sha256"][name]:
                return None
        images = np.load(folder / _FILES[0], mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / _FILES[1], allow_pickle=False)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = images.ndim == 4 and labels.shape == images.shape[:1]
    right = (images.dtype, labels.dtype) == (np.uint8, np.int32)
    return (images, labels) if same and right else None


def _write(folder: Path, identity: str, arrays: Arrays) -> None:
    if str(folder).startswith("~"):
        raise FileNotFoundError(f"no home folder for {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        digests = {}
        for name, array in zip(_FILES, arrays, strict=True):
            np.save(partial / name, array, allow_pickle=False)
            with open(partial / name, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        stored = {"identity": identity, "sha256": digests}
        (partial / "cache.json").write_text(json.dumps(stored, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
