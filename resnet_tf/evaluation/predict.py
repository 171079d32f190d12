"""Predicts the most probable classes of image files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resnet_tf.checkpoints.stored import opened
from resnet_tf.data.image_file import read_image
from resnet_tf.errors import DataError
from resnet_tf.evaluation.pretrained import Pretrained, load_pretrained

_BATCH = 250  # images in memory


@dataclass(frozen=True)
class Guess:
    """A class and its probability.

    Attributes:
        name: Name of the class.
        label: Number of the class, from 0.
        probability: Probability of the class, in [0, 1].
    """

    name: str
    label: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The prediction of a network for one file.

    Attributes:
        path: The file.
        top: The most probable classes, most probable first; empty if the file cannot be
            used.
        temperature: Temperature of the probabilities; None if they are not calibrated.
        error: Reason why the file cannot be used, or None.
    """

    path: Path
    top: tuple[Guess, ...] = ()
    temperature: float | None = None
    error: str | None = None


def predict_files(
    ckpt: str | Path, files: Iterable[Path], most: int = 5
) -> Iterator[Prediction]:
    """Yields a prediction for each file, in order.

    An image is read like the images of a folder, resized to the stored size of the
    checkpoint's data set, and then prepared as in evaluation. The network is loaded
    after the first image has been read, so a wrong path is reported at once.

    Args:
        ckpt: A released model's name, a checkpoint folder or a run folder.
        files: Image files of any size.
        most: Number of classes in a prediction, at least 1.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
    """
    stored = opened(ckpt)
    side = stored.config.data.stored_side
    pretrained = None
    for batch in _batches((path, _read(path, side)) for path in files):
        images = [image for _, image in batch if not isinstance(image, DataError)]
        if images and pretrained is None:
            pretrained = load_pretrained(stored)
        shares = iter(pretrained.predict_images(np.stack(images)) if images else ())
        for path, image in batch:
            if isinstance(image, DataError):
                yield Prediction(path, error=" ".join(str(image).split()))
            else:
                top = _top(next(shares), pretrained, most)
                yield Prediction(path, top, pretrained.temperature)


def _read(path: Path, side: int) -> np.ndarray | DataError:
    try:
        return read_image(path, side)
    except DataError as error:
        return error


def _batches(items: Iterable) -> Iterator[list]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _top(shares: np.ndarray, pretrained: Pretrained, most: int) -> tuple[Guess, ...]:
    order = np.argsort(-shares, kind="stable")[:most]
    names = pretrained.class_names
    return tuple(Guess(names[i], int(i), float(shares[i])) for i in order)
