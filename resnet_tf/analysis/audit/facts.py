"""What can be counted in a network: weights, arithmetic, extent."""

from dataclasses import asdict, dataclass
from math import prod

import keras

from resnet_tf.analysis.audit.graph_facts import graph_facts
from resnet_tf.analysis.audit.weight_owners import weight_owners


@dataclass(frozen=True)
class Facts:
    """The countable facts of a network.

    Attributes:
        parameters: Trainable numbers; the next four add up to it.
        conv: Those of convolutions, biases included.
        batch_norm: Gammas and betas.
        dense: Those of dense layers, biases included.
        other: All others; 0 in the networks of this package.
        buffers: Numbers that are not trained: moving statistics.
        macs: Multiply-adds of convolutions and dense layers for one image.
        receptive_field: Side, in pixels, of what one value before the global
            pooling depends on; may exceed the image.
        depth: Convolutions and dense layers on the longest path.
        input_size: Height and width of the image that `macs` is for.
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
        model: A built network from one batch of images (N, H, W, C), frozen
            layers not counted as trainable.
        input_size: Height and width, where the model leaves them open.

    Raises:
        ValueError: If the input is of another form or its size unknown, or the
            graph holds an operation that cannot be followed.
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
