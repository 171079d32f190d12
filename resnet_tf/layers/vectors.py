"""Pads the channels of a tensor with zeros to a multiple of the vector size.

The CPU kernels of batch norm and convolution process 16 channels at a time. Some of
them are several times slower if the number of channels is not a multiple of 16, as
between the layers of a dense block. `docs/performance.md` has the figures.
"""

import tensorflow as tf

VECTOR = 16  # channels


def missing(channels: int) -> int:
    """Returns how many channels to add to reach a multiple of `VECTOR`."""
    return -channels % VECTOR


def filled(parts: list[tf.Tensor]) -> tf.Tensor:
    """Concatenates the parts and pads the channels with zeros to full vectors.

    Args:
        parts: Tensors of shape (N, H, W, any C), all of one dtype.
    """
    zeros = missing(sum(part.shape[-1] for part in parts))
    if zeros:
        shape = tf.concat([tf.shape(parts[0])[:-1], [zeros]], axis=0)
        parts = [*parts, tf.zeros(shape, parts[0].dtype)]
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=-1)


def check_channels(received: int, built: int, training: bool | None) -> None:
    """Raises unless an input has the right number of channels.

    Args:
        received: Channels of the input.
        built: Channels that the layer was built for.
        training: Whether the zeros of `filled` can follow these channels.

    Raises:
        ValueError: If the input has any other number of channels.
    """
    allowed = [built, built + missing(built)] if training else [built]
    if received not in allowed:
        expected = " or ".join(str(number) for number in dict.fromkeys(allowed))
        raise ValueError(f"inputs must have {expected} channels, received {received}")


def widened(weight: tf.Tensor, axis: int, channels: int) -> tf.Tensor:
    """Pads a weight with zeros, for an input whose channels `filled` has padded.

    Args:
        weight: Tensor of any shape.
        axis: Axis of the input channels, from 0.
        channels: Size of this axis in the result, at least its size in `weight`.
    """
    zeros = channels - weight.shape[axis]
    if not zeros:
        return weight
    ends = [[0, zeros if i == axis else 0] for i in range(weight.shape.rank)]
    return tf.pad(weight, ends)
