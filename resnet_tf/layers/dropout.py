"""Dropout with masks from a seed, so that a resumed run draws the same masks."""

import contextlib
import zlib
from collections.abc import Iterator
from contextvars import ContextVar

import tensorflow as tf

# Each thread has its own value, because a strategy runs each replica in a thread.
_SEED: ContextVar[tf.Tensor | None] = ContextVar("dropout_seed", default=None)


@contextlib.contextmanager
def dropout_seed(seed: tf.Tensor) -> Iterator[None]:
    """Makes `dropout` draw every mask inside the `with` block from one seed.

    Args:
        seed: int64 tensor (2,), a stateless seed for one call of the network.
    """
    token = _SEED.set(seed)
    try:
        yield
    finally:
        _SEED.reset(token)


def step_seed(seed: int, step: tf.Tensor, part: tf.Tensor | int) -> tf.Tensor:
    """Returns the seed of the masks for one part of the batch in one update.

    Args:
        seed: Seed of the run.
        step: Number of the update, from 0; integer scalar.
        part: Number of the part of the batch (replica or lane), from 0.

    Returns:
        int64 tensor (2,).
    """
    key = tf.constant([seed, zlib.crc32(b"dropout")], tf.int64)
    for number in (step, part):
        key = tf.random.fold_in(key, tf.cast(number, tf.int64))
    return key


def dropout(
    x: tf.Tensor, rate: float, place: str, whole_images: bool = False
) -> tf.Tensor:
    """Returns x with random elements set to 0 and the others scaled by 1 / (1 - rate).

    Outside `dropout_seed`, e.g. in `keras.Model.fit`, each call draws a new mask from
    TensorFlow's global generator, which `keras.utils.set_random_seed` seeds.

    Args:
        x: Float tensor of any shape, images first.
        rate: Probability that an element becomes 0, in [0, 1).
        place: Name of the place in the network; each place has its own masks.
        whole_images: Whether all elements of an image become 0 together.

    Returns:
        Tensor of the shape and dtype of `x`.

    Reference: Srivastava et al. 2014; Huang et al. 2017, section 4.2.
    """
    seed = _SEED.get()
    if seed is None:
        seed = tf.random.uniform((2,), maxval=tf.int64.max, dtype=tf.int64)
    number = tf.constant(zlib.crc32(place.encode()), tf.int64)
    seed = tf.random.fold_in(seed, number)
    # float32 for every dtype: bfloat16 draws have only 128 different values.
    shape = tf.shape(x)
    if whole_images:
        shape = tf.concat([shape[:1], tf.ones_like(shape[1:])], axis=0)
    draws = tf.random.stateless_uniform(shape, seed)
    return tf.where(draws >= rate, x * (1 / (1 - rate)), tf.zeros((), x.dtype))
