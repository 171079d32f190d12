"""Counts a network's parameters, multiply-adds, depth and receptive field."""

from dataclasses import asdict, dataclass
from math import prod

import keras

from resnet_tf.analysis.audit.graph_facts import graph_facts
from resnet_tf.analysis.audit.weight_owners import weight_owners


@dataclass(frozen=True)
class Facts:
    """The countable facts of a network.

    Attributes:
        parameters: Number of trainable parameters, the sum of the next four.
        conv: Parameters of convolutions, including biases.
        batch_norm: Gammas and betas.
        dense: Parameters of dense layers, including biases.
        other: All other parameters; 0 in the networks of this package.
        buffers: Number of untrained values (moving statistics).
        macs: Multiply-adds of convolutions and dense layers for one image.
        receptive_field: Side, in pixels, of the input region that one value before
            the global pooling depends on; can exceed the image.
        depth: Number of convolutions and dense layers on the longest path.
        input_size: Height and width of the image for `macs`.
    """

    parameters: int
    conv: int
    batch_norm: int
    dense: int
    other: int
    buffers: int
    macs: int
    receptive_field: int
    depth: int
    input_size: tuple[int, int]


def facts(model: keras.Model, input_size: tuple[int, int] | None = None) -> Facts:
    """Returns the facts of a network, counted from its variables and its graph.

    Args:
        model: A built network with input (N, H, W, C); frozen layers do not count as
            trainable.
        input_size: Height and width to use if the model does not fix them.

    Raises:
        ValueError: If the input has another form or an unknown size, or the graph
            contains an unsupported operation.
    """
    shape = _image_shape(model, input_size)
    sizes = {"conv": 0, "batch_norm": 0, "dense": 0, "other": 0}
    for owner in weight_owners(model):
        sizes[owner.kind] += owner.size
    return Facts(
        parameters=sum(sizes.values()),
        **sizes,
        buffers=sum(prod(x.shape) for x in model.non_trainable_weights),
        **asdict(graph_facts(model, shape)),
        input_size=shape[:2],
    )


def _image_shape(model, input_size: tuple[int, int] | None) -> tuple[int, int, int]:
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(f"the input must be images (N, H, W, C), received {shape}")
    height, width = input_size or (None, None)
    size = (shape[1] or height, shape[2] or width, shape[3])
    if None in size:
        raise ValueError(f"the size of the images must be known, received {shape}")
    return size
