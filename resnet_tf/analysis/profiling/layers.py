"""Counts the arithmetic and the memory traffic of each layer of a network."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import keras
import tensorflow as tf

from resnet_tf.analysis.audit.graph_facts import multiply_adds, trace, walk

CONV, DENSE, BATCH_NORM, SCALE, ADD = "conv", "dense", "batch norm", "scale", "add"
POOL, CONCAT, PAD, SLICE = "pool", "concat", "pad", "slice"
_KINDS = {
    "AddV2": ADD,
    "AvgPool": POOL,
    "ConcatV2": CONCAT,
    "Conv2D": CONV,
    "DepthwiseConv2dNative": CONV,
    "FusedBatchNormV3": BATCH_NORM,
    "MatMul": DENSE,
    "MaxPool": POOL,
    "Mean": POOL,
    "Pad": PAD,
    "PadV2": PAD,
    "StridedSlice": SLICE,
}
# These always make a pass of their own, even if input and output have the same size.
_OWN_PASS = {CONV, DENSE, BATCH_NORM, POOL}


@dataclass(frozen=True)
class Layer:
    """One operation that makes a pass over the memory.

    Attributes:
        kind: "conv", "dense", "batch norm", "scale" (a folded batch norm), "add",
            "pool", "concat", "pad", "slice", or TensorFlow's type of another
            operation.
        detail: Kernel of a convolution or dense layer, e.g. "3x3 16->32"; else "".
        shape: Shape of the output, without the batch.
        macs: Multiply-adds of a convolution or a dense layer for the batch, else 0.
        bytes: Bytes of all activations and weights read or written, each counted
            once, in the forward pass of the batch.
    """

    kind: str
    detail: str
    shape: tuple[int, ...]
    macs: int
    bytes: int


def layers(model: keras.Model, batch: int) -> list[Layer]:
    """Returns the layers that run in inference, including the layers inside blocks.

    An element-wise operation on one feature map, e.g. ReLU, a bias or a cast, is not
    counted as a layer: it is assumed to run while the map is written.

    Args:
        model: A network with input (N, H, W, C) of a known image size; its dtype policy
            determines the bytes per number.
        batch: Number of images in the batch.

    Raises:
        ValueError: If the network contains an unsupported operation.
    """
    graph, _ = trace(model, (batch, *model.input_shape[1:]))
    return [_layer(op) for op, maps in walk(graph) if _moves(op, maps)]


def _moves(op: tf.Operation, maps: list[tf.Tensor]) -> bool:
    """Returns whether an operation on these feature maps makes a pass of its own."""
    if not op.outputs or not op.outputs[0].dtype.is_floating:
        return False
    if _KINDS.get(op.type) in _OWN_PASS or len(maps) > 1:
        return True
    return prod(op.outputs[0].shape) != prod(maps[0].shape)


def _layer(op: tf.Operation) -> Layer:
    kind, detail = _KINDS.get(op.type, op.type), ""
    if kind in (CONV, DENSE):
        *window, inputs, outputs = op.inputs[1].shape
        detail = f"{'x'.join(map(str, window))} {inputs}->{outputs}".strip()
    if op.type == "DepthwiseConv2dNative" and prod(op.inputs[1].shape[:2]) == 1:
        kind, detail = SCALE, ""
    output = op.outputs[0]
    return Layer(
        kind=kind,
        detail=detail,
        shape=tuple(output.shape[1:]),
        macs=0 if kind == SCALE else multiply_adds(op),
        bytes=_bytes([*op.inputs, output]),
    )


def _bytes(tensors: Iterable[tf.Tensor]) -> int:
    """Returns the bytes of the floating-point tensors: activations and weights."""
    return sum(prod(x.shape) * x.dtype.size for x in tensors if x.dtype.is_floating)
