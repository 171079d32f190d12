"""Normalizes images that are already normalized in another way."""

import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.augment import whiten
from resnet_tf.errors import SettingError


def require_renormalizable(before: DataConfig, after: DataConfig) -> None:
    """Raises unless `renormalize` can compute one normalization from the other.

    Args:
        before: Normalization of the images.
        after: Normalization that a trained network expects.

    Raises:
        SettingError: If whitening has removed the mean and the deviation of each image.
    """
    kept, wanted = before.normalization, after.normalization
    if kept == "whitening" and wanted == "mean_std":
        raise SettingError(
            f"normalization must be {wanted} for a teacher that was trained with "
            f"{wanted}, received {kept}, which removes the mean of each image"
        )


def renormalize(images: tf.Tensor, before: DataConfig, after: DataConfig) -> tf.Tensor:
    """Returns normalized images in another normalization.

    Args:
        images: float32 tensor (N, H, W, 3), normalized, augmented, and possibly mixed.
        before: Normalization of the images.
        after: Normalization of the result; see `require_renormalizable`.

    Returns:
        float32 tensor (N, H, W, 3); `images` itself if the normalizations are equal.
    """
    if after.normalization == before.normalization == "whitening":
        return images
    mean, std = np.asarray(before.channel_mean), np.asarray(before.channel_std)
    if after.normalization == "whitening":
        return whiten(255 * _affine(images, std, mean))
    if (before.channel_mean, before.channel_std) == (
        after.channel_mean,
        after.channel_std,
    ):
        return images
    new_mean, new_std = np.asarray(after.channel_mean), np.asarray(after.channel_std)
    return _affine(images, std / new_std, (mean - new_mean) / new_std)


def _affine(images: tf.Tensor, scale: np.ndarray, offset: np.ndarray) -> tf.Tensor:
    """Returns images * scale + offset, per channel."""
    return images * scale.astype(np.float32) + offset.astype(np.float32)
