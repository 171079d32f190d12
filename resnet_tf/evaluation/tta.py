"""Test-time augmentation: the logits are a mean over several views of each image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, get_args

from resnet_tf.config import DATASETS, DataConfig
from resnet_tf.errors import SettingError

if TYPE_CHECKING:
    import tensorflow as tf

Tta = Literal["none", "flip", "multicrop"]
TTA: tuple[Tta, ...] = get_args(Tta)

# What the logits are, for reports.
MEANING: dict[Tta, str] = {
    "none": "Single view.",
    "flip": "The logits are means over the image and its mirror image (tta=flip).",
    "multicrop": "The logits are weighted means over six views: the image, the image "
    "shifted by one pixel to both ends of its diagonal, and their mirror images "
    "(tta=multicrop).",
}


def require_tta(tta: str) -> None:
    """Raises unless the test-time augmentation is known.

    Raises:
        SettingError: If it is unknown.
    """
    if tta not in TTA:
        raise SettingError(f"tta must be one of {', '.join(TTA)}, received {tta!r:.80}")


def require_mirrors(tta: Tta, data: DataConfig) -> None:
    """Raises if the test-time augmentation mirrors images that lose their meaning.

    A row in `DATASETS` says whether images can be mirrored. For a folder of images, the
    setting `flip` of the training says it.

    Raises:
        SettingError: If the images must not be mirrored.
    """
    info = DATASETS[data.dataset].info
    if tta != "none" and not (info.flip if info else data.flip):
        raise SettingError(
            f"tta must be none for dataset={data.dataset} with flip=false: mirrored "
            f"images change their meaning, received {tta}"
        )


def views(images: tf.Tensor, tta: Tta) -> Iterator[tuple[float, tf.Tensor]]:
    """Yields the views of images with their weights, whose sum is 1.

    "flip" is the mean over the image and its mirror image. "multicrop" gives half of
    the weight to these two. The other half goes to the image shifted by one pixel down
    and to the right, and up and to the left, each with its mirror image. The border is
    filled by reflection. Both follow airbench (`infer_mirror_translate`).

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        tta: The test-time augmentation.

    Reference: Jordan 2024, https://arxiv.org/abs/2404.00498, section 3.5.
    """
    if tta == "none":
        yield 1.0, images
        return
    weight = 0.5 if tta == "flip" else 0.25
    yield from _both_sides(weight, images)
    if tta == "multicrop":
        for shifted in _shifted(images):
            yield from _both_sides(0.125, shifted)


def _both_sides(weight: float, images: tf.Tensor) -> Iterator[tuple[float, tf.Tensor]]:
    yield weight, images
    yield weight, images[:, :, ::-1]


def _shifted(images: tf.Tensor) -> Iterator[tf.Tensor]:
    """Yields the images shifted down and to the right, and up and to the left."""
    import tensorflow as tf

    _, height, width, _ = images.shape
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    yield padded[:, :height, :width]
    yield padded[:, 2:, 2:]
