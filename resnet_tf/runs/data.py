"""The record of a run's data, so that the run is not resumed with other data."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnet_tf.checkpoints.files import read_json, write_json
from resnet_tf.checkpoints.stored import opened
from resnet_tf.config import DataConfig
from resnet_tf.data.sources import load_splits
from resnet_tf.data.split import Split
from resnet_tf.errors import CheckpointError, MissingCheckpointError, MissingDataError

_NAMED = 5  # classes named in an error; the others are only counted
_CHUNK = 1 << 26  # bytes of images hashed at a time
# Enough for the names of the most classes that a network can have, 250 bytes each.
_MAX_BYTES = 64 << 20


class RunData:
    """The record of the images of a run.

    The record holds the class names and, for each split, the images of each class and
    a SHA-256 over the labels and decoded pixels in order. Images of a folder are
    ordered by the hash of their paths, so new file names change the SHA-256 too. The
    location and format of the files do not matter. With distillation, the record also
    holds the SHA-256 of the weights of the teacher.

    Args:
        path: The file of the record.
        splits: The training, validation and test images.
        teacher: SHA-256 of the weights of the teacher, or None.
    """

    def __init__(self, path: Path, splits: Sequence[Split], teacher: str | None = None):
        self._path = path
        self._facts = _facts(splits)
        if teacher:
            self._facts["teacher_sha256"] = teacher

    def require_same(self) -> None:
        """Raises a CheckpointError if the run has a record of other data.

        A run of an early version has no record.
        """
        if not self._path.exists():
            return
        if reason := _difference(read_json(self._path, _MAX_BYTES), self._facts):
            raise CheckpointError(
                f"run folder {self._path.parent} must resume with the data it was "
                f"started with: {reason}; give another --run_dir"
            )

    def keep(self) -> None:
        """Writes the record if none exists."""
        if not self._path.exists():
            write_json(self._path, self._facts)


def require_same_data(
    path: Path, config: DataConfig, teacher: str | None = None
) -> None:
    """Raises an error if a finished run had other images or another teacher.

    Args:
        path: The record file. If it is missing, or the data set or the teacher is not
            on this machine, nothing is checked.
        config: Location of the images.
        teacher: Checkpoint of the teacher, or None.

    Raises:
        CheckpointError: If the images or the teacher differ from the record.
        DataError: If the data set is incomplete or damaged.
    """
    if not path.exists():
        return
    try:
        splits = load_splits(dataclasses.replace(config, download=False))
        sha256 = opened(teacher, "teacher").weights.sha256 if teacher else None
    except (MissingDataError, MissingCheckpointError) as error:
        print(f"note: the images are not compared with the run's: {error}", flush=True)
        return
    RunData(path, splits, sha256).require_same()


def images_sha256(split: Split) -> str:
    """Returns the SHA-256 of the labels and the pixels of a split, in hexadecimal."""
    digest = hashlib.sha256(np.ascontiguousarray(split.labels, "<i4").tobytes())
    step = max(1, _CHUNK // max(1, split.images[:1].nbytes))
    for start in range(0, len(split), step):
        digest.update(np.ascontiguousarray(split.images[start : start + step]).data)
    return digest.hexdigest()


def _facts(splits: Sequence[Split]) -> dict[str, Any]:
    names = splits[0].class_names
    parts = {}
    for split in splits:
        counts = np.bincount(split.labels, minlength=len(names))
        parts[split.name] = {
            "per_class": counts.tolist(),
            "sha256": images_sha256(split),
        }
    return {"class_names": list(names), "splits": parts}


def _difference(found: dict[str, Any], facts: dict[str, Any]) -> str:
    """Returns the first difference between the record and the images, or ""."""
    if found == facts:
        return ""
    if found.get("teacher_sha256") != facts.get("teacher_sha256"):
        return "the weights of the teacher differ"
    if found.get("class_names") != facts["class_names"]:
        return "the classes differ"
    for name, part in facts["splits"].items():
        other: Any = found.get("splits")
        other = other.get(name) if isinstance(other, dict) else None
        if part == other:
            continue
        there: Any = other.get("per_class") if isinstance(other, dict) else None
        if not _are_counts(there, len(facts["class_names"])):
            return f"the record of the {name} images is damaged"
        if there == part["per_class"]:
            return f"{name} images differ in pixels, labels or file names"
        pairs = zip(facts["class_names"], there, part["per_class"], strict=True)
        moved = [
            f"{c} ({old} there, {new} here)" for c, old, new in pairs if old != new
        ]
        more = f" and {len(moved) - _NAMED:,} more classes" * (len(moved) > _NAMED)
        return f"{name} images of {', '.join(moved[:_NAMED])}{more}"
    return "the record is damaged"


def _are_counts(value: Any, classes: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == classes
        and all(type(count) is int for count in value)
    )
