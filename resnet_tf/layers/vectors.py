"""Zeros that fill the last vector of channels, so that fast kernels take a tensor.

The CPU kernels of batch norm and convolution work on 16 channels at a time. Some of
them are several times slower where the number of channels is no multiple of that, as
between the layers of a dense block. `docs/performance.md` has the figures.
"""

import tensorflow as tf

VECTOR = 16  # channels


def missing(channels: int) -> int:
    """Returns the channels between a number and the next multiple of `VECTOR`."""
    return -channels % VECTOR


def filled(parts: list[tf.Tensor]) -> tf.Tensor:
    """Returns the parts and as many zeros as fill the last vector, joined.

    Args:
        parts: Tensors of shape (N, H, W, any C) and one dtype.
    """
    zeros = missing(sum(part.shape[-1] for part in parts))
    if zeros:
        shape = tf.concat([tf.shape(parts[0])[:-1], [zeros]], axis=0)
        parts = [*parts, tf.zeros(shape, parts[0].dtype)]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)


def check_channels(received: int, built: int, training: bool | None) -> None:
    """Refuses an input of a wrong width.

    Args:
        received: Channels of the input.
        built: Channels that the layer was built for.
        training: Whether the zeros of `filled` may lie behind these.

    Raises:
        ValueError: If it is any other number.
    """
    allowed = [built, built + missing(built)] if training else [built]
    if received not in allowed:
        expected = " or ".join(str(number) for number in dict.fromkeys(allowed))
        raise ValueError(f"inputs must have {expected} channels, received {received}")


def widened(weight: tf.Tensor, axis: int, channels: int) -> tf.Tensor:
    """Returns a weight with zeros behind it, for an input with zeros behind it.

    Args:
        weight: Any shape.
        axis: That of the input channels, from 0.
        channels: Its size in the result, at least that in `weight`.
    """
    zeros = channels - weight.shape[axis]
    if not zeros:
        return weight
    ends = [[0, zeros if i == axis else 0] for i in range(weight.shape.rank)]
    return tf.pad(weight, ends)
