"""Mixes the images of a batch and their targets: mixup and CutMix.

Every function is pure, as in `augment`.
"""

import tensorflow as tf

from resnet_tf.data.draws import integers
from resnet_tf.data.erasing import paste


def mixup(
    images: tf.Tensor,
    labels: tf.Tensor,
    num_classes: int,
    alpha: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a batch mixed with a permutation of itself (Zhang et al. 2017).

    Image and target become share * own + (1 - share) * partner's, with one share
    from Beta(alpha, alpha) for the whole batch, as in the authors' code.

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        labels: int32 tensor (N,).
        num_classes: Length of a target.
        alpha: Parameter of the Beta distribution, above 0.
        seed: int tensor (2,), the stateless seed.

    Returns:
        (images float32 (N, H, W, C), targets float32 (N, num_classes)).
    """
    share_seed, order_seed = tf.unstack(tf.random.split(seed))
    share = _beta(alpha, share_seed)
    order = _order(images, order_seed)
    targets = tf.one_hot(labels, num_classes)
    return _mixed(images, order, share), _mixed(targets, order, share)


def cutmix(
    images: tf.Tensor,
    labels: tf.Tensor,
    num_classes: int,
    alpha: float,
    probability: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns a batch with a box pasted from a permutation of itself (Yun et al. 2019).

    As in the authors' code, there is one box for the whole batch. Its share of the area
    is 1 - s for a draw s from Beta(alpha, alpha), its sides are proportional to the
    image's, and its center is uniform over all pixels. The box is clipped at the border
    of the image. A target becomes (1 - pasted) * own + pasted * partner's, where
    `pasted` is the share of the pixels that are really pasted.

    Args:
        images: float32 tensor (N, H, W, C), normalized.
        labels: int32 tensor (N,).
        num_classes: Length of a target.
        alpha: Parameter of the Beta distribution, above 0.
        probability: Probability that the batch is mixed, in [0, 1].
        seed: int tensor (2,), the stateless seed.

    Returns:
        (images float32 (N, H, W, C), targets float32 (N, num_classes)).

    Reference: https://arxiv.org/abs/1905.04899, algorithm A1.
    """
    _, height, width, _ = images.shape
    share_seed, order_seed, box_seed = tf.unstack(tf.random.split(seed, 3))
    side = tf.sqrt(1 - _beta(alpha, share_seed))
    order = _order(images, order_seed)
    top, left, chance = tf.unstack(tf.random.stateless_uniform((3,), box_seed))
    rows = _in_box(top, height, side) & (chance < probability)
    columns = _in_box(left, width, side)
    pasted = _count(rows) * _count(columns) / (height * width)
    targets = tf.one_hot(labels, num_classes)
    partners = tf.gather(images, order)
    return paste(images, rows, columns, partners), _mixed(targets, order, 1 - pasted)


def _order(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the partner of each image, a permutation, int32 (N,)."""
    return tf.random.experimental.stateless_shuffle(tf.range(tf.shape(images)[0]), seed)


def _mixed(values: tf.Tensor, order: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return share * values + (1 - share) * tf.gather(values, order)


def _in_box(draw: tf.Tensor, length: int, side: tf.Tensor) -> tf.Tensor:
    """Returns whether each pixel of one axis lies in the box, bool (1, length).

    Args:
        draw: Relative position of the center, scalar in [0, 1).
        length: Number of pixels of the image along this axis.
        side: Length of the box relative to the image, scalar in [0, 1].
    """
    distance = tf.range(length) - integers(draw, length)
    half = integers(side, length) // 2
    return ((distance >= -half) & (distance < half))[tf.newaxis]


def _count(inside: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(inside, tf.float32))


def _beta(alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """Returns a float32 scalar from Beta(alpha, alpha).

    It is G / (G + G') for two draws from Gamma(alpha). The code draws their logarithms,
    as G would underflow to 0 for a small alpha: G = Gamma(alpha + 1) * U^(1 / alpha).
    """
    gamma_seed, power_seed = tf.unstack(tf.random.split(seed))
    gamma = tf.random.stateless_gamma((2,), gamma_seed, alpha + 1.0)
    power = 1 - tf.random.stateless_uniform((2,), power_seed)
    logs = tf.math.log(gamma) + tf.math.log(power) / alpha
    return tf.sigmoid(logs[0] - logs[1])
