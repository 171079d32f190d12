"""TrivialAugment and RandAugment: random transforms of each image.

The transforms, their strengths and the draws follow `TrivialAugmentWide` and
`RandAugment` of torchvision. Keras 3.15 has a `RandAugment` layer that this module does
not use: it draws one transform for the whole batch, computes all of them, and its draws
depend on a state instead of a seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from resnet_tf.data import transforms
from resnet_tf.data.draws import integers
from resnet_tf.data.part import WHOLE, Part

# A transform, and the parameters of its strengths: an array of 62 rows. The first 31
# rows go from the weakest to the strongest, the others are the same with another sign.
Operation = tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], np.ndarray]

STRENGTHS = 31


@dataclass(frozen=True)
class Space:
    """The largest strengths of the transforms; the smallest change almost nothing.

    Attributes:
        shear: Pixels by which each line moves against the line before.
        right: Pixels to the right or left.
        down: Pixels down or up.
        degrees: Angle of rotation.
        blend: Distance from 1 of the factor of brightness, color, contrast and
            sharpness.
        bits: Bits that posterizing drops, of 8.
    """

    shear: float
    right: float
    down: float
    degrees: float
    blend: float
    bits: int

    def operations(self, height: int, width: int) -> tuple[Operation, ...]:
        """Returns the 14 transforms for images of this size, with their parameters."""
        affine, rotation = transforms.affine, transforms.rotation
        shears, angles = _signed(self.shear), _signed(self.degrees)
        right, down = _signed(self.right).astype(int), _signed(self.down).astype(int)
        factors = (1 + _signed(self.blend)).astype(np.float32)
        none = np.zeros(2 * STRENGTHS, np.int32)
        moves = (
            [affine(1, shear, 0, 0, 1, 0) for shear in shears],
            [affine(1, 0, 0, shear, 1, 0) for shear in shears],
            [affine(1, 0, -pixels, 0, 1, 0) for pixels in right],
            [affine(1, 0, 0, 0, 1, -pixels) for pixels in down],
            [rotation(angle, height, width) for angle in angles],
        )
        return (
            (transforms.identity, none),
            *((transforms.move, np.array(rows, np.int32)) for rows in moves),
            (transforms.brightness, factors),
            (transforms.color, factors),
            (transforms.contrast, factors),
            (transforms.sharpness, factors),
            (transforms.posterize, _masks(self.bits)),
            (transforms.solarize, _unsigned(np.linspace(255, 0, STRENGTHS))),
            (transforms.autocontrast, none),
            (transforms.equalize, none),
        )


WIDE = Space(shear=0.99, right=32, down=32, degrees=135, blend=0.99, bits=6)


def narrow(height: int, width: int) -> Space:
    """Returns the space of RandAugment for images of this size."""
    share = 150 / 331
    return Space(
        shear=0.3,
        right=share * width,
        down=share * height,
        degrees=30,
        blend=0.9,
        bits=4,
    )


def trivial_augment(
    images: tf.Tensor, seed: tf.Tensor, part: Part = WHOLE
) -> tf.Tensor:
    """Returns each image after one random transform of a random strength.

    One of 14 transforms, one of 31 strengths, and the sign if there is one, all equally
    likely. The identity is one of the transforms.

    Args:
        images: uint8 tensor (N, H, W, 3), H and W known.
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        uint8 tensor (N, H, W, 3).

    Reference: Müller and Hutter 2021, https://arxiv.org/abs/2103.10158, "TA (Wide)".
    """
    operations = WIDE.operations(*images.shape[1:3])
    draws = part.uniform(images, 3, seed)
    strengths = integers(draws[:, 2], STRENGTHS)
    return _transformed(images, operations, draws, strengths)


def rand_augment(
    images: tf.Tensor, count: int, strength: int, seed: tf.Tensor, part: Part = WHOLE
) -> tf.Tensor:
    """Returns each image after random transforms of one strength, in succession.

    Args:
        images: uint8 tensor (N, H, W, 3), H and W known.
        count: Number of transforms, each one of 14 with equal probability.
        strength: Index of the strength, from 0 to 30.
        seed: int tensor (2,), the stateless seed.
        part: The part of the update to which the images belong.

    Returns:
        uint8 tensor (N, H, W, 3).

    Reference: Cubuk et al. 2019, https://arxiv.org/abs/1909.13719.
    """
    size = images.shape[1:3]
    operations = narrow(*size).operations(*size)
    draws = part.uniform(images, 2 * count, seed)
    strengths = tf.fill(tf.shape(draws)[:1], strength)
    for number in range(count):
        own = draws[:, 2 * number :]
        images = _transformed(images, operations, own, strengths)
    return images


def _transformed(
    images: tf.Tensor,
    operations: tuple[Operation, ...],
    draws: tf.Tensor,
    strengths: tf.Tensor,
) -> tf.Tensor:
    """Returns each image after one of the operations.

    An operation computes only the images that it was drawn for.

    Args:
        images: uint8 tensor (N, H, W, C).
        operations: The operations to draw from.
        draws: float32 tensor (N, 2 or more) in [0, 1): operation and sign.
        strengths: Index of each strength, int32 (N,).
    """
    chosen = integers(draws[:, 0], len(operations))
    negative = tf.cast(draws[:, 1] < 0.5, tf.int32)
    rows = strengths + STRENGTHS * negative
    groups = tf.dynamic_partition(
        tf.range(tf.shape(images)[0]), chosen, len(operations)
    )
    parts = []
    for (operation, parameters), group in zip(operations, groups, strict=True):
        own = tf.gather(parameters, tf.gather(rows, group))
        parts.append(operation(tf.gather(images, group), own))
    return tf.ensure_shape(tf.dynamic_stitch(groups, parts), images.shape)


def _signed(largest: float) -> np.ndarray:
    """Returns 31 strengths from 0 to the largest, and the same below 0."""
    strengths = np.linspace(0, largest, STRENGTHS)
    return np.concatenate([strengths, -strengths])


def _unsigned(values: np.ndarray) -> np.ndarray:
    """Returns 31 parameters for both signs, as float32."""
    return np.tile(values, 2).astype(np.float32)


def _masks(bits: int) -> np.ndarray:
    """Returns masks that drop from 0 to `bits` of the lowest bits, for both signs."""
    dropped = np.round(np.arange(STRENGTHS) / ((STRENGTHS - 1) / bits)).astype(int)
    return np.tile(256 - 2**dropped, 2).astype(np.uint8)
