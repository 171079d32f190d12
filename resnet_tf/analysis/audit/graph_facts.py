"""Computes MACs, receptive field and depth from a network's TensorFlow graph."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from operator import floordiv, mul

import keras
import tensorflow as tf

# Multiply-adds per output value, from the kernel's shape.
_PER_OUTPUT = {
    "Conv2D": lambda kernel: prod(kernel[:3]),
    "DepthwiseConv2dNative": lambda kernel: prod(kernel[:2]),
    "MatMul": lambda kernel: kernel[0],
}
# Unsupported operations: they multiply, resize or loop in other ways.
_UNKNOWN = frozenset(
    "BatchMatMul BatchMatMulV2 BroadcastTo Conv2DBackpropInput Conv3D DepthToSpace "
    "Einsum If PartitionedCall ResizeBicubic ResizeBilinear ResizeNearestNeighbor "
    "SpaceToDepth StatefulPartitionedCall StatelessIf StatelessWhile Tile "
    "While".split()
)


@dataclass(frozen=True)
class GraphFacts:
    """The cost of one pass over one image; see `audit.facts.Facts`."""

    macs: int
    receptive_field: int
    depth: int


@dataclass(frozen=True)
class _Seen:
    """Facts about the paths from the image to a tensor, each the maximum over them.

    Attributes:
        depth: Number of convolutions and matrix products.
        field: Receptive field of one value, height and width in pixels.
        step: Distance of two neighboring values, vertical and horizontal, in pixels.
    """

    depth: int = 0
    field: tuple[int, int] = (1, 1)
    step: tuple[int, int] = (1, 1)

    def through(self, window: Iterable[int], strides: Iterable[int]) -> "_Seen":
        """Returns the facts of the output of a sliding window over this tensor."""
        wider = map(lambda f, w, s: f + (w - 1) * s, self.field, window, self.step)
        return _Seen(self.depth, tuple(wider), tuple(map(mul, self.step, strides)))

    def deeper(self) -> "_Seen":
        return _Seen(self.depth + 1, self.field, self.step)


def graph_facts(model: keras.Model, shape: tuple[int, int, int]) -> GraphFacts:
    """Returns the facts of the operations that run in inference.

    Where paths meet, their receptive fields are assumed to be concentric: the larger
    one counts. Global pooling, whether a mean or a window over the whole feature map,
    does not enlarge the receptive field. Dilated convolutions count as TensorFlow runs
    them, including padding.

    Args:
        model: A network with one input (N, H, W, C).
        shape: (H, W, C) of the image.

    Raises:
        ValueError: If the graph contains an unsupported operation.
    """
    graph, outputs = trace(model, (1, *shape))
    behind = {graph.inputs[0].op.name: _Seen()}
    macs = 0
    for op, maps in walk(graph):
        behind[op.name] = _after(op, _joined(behind[x.op.name] for x in maps))
        macs += multiply_adds(op)
    end = _joined(behind[x.op.name] for x in outputs if x.op.name in behind)
    return GraphFacts(macs, max(end.field), end.depth)


def trace(
    model: keras.Model, shape: tuple[int, int, int, int]
) -> tuple[tf.Graph, list[tf.Tensor]]:
    """Returns the inference graph, with all inner functions inlined, and its outputs.

    Args:
        model: A network with one input.
        shape: (N, H, W, C) of the images.
    """
    images = tf.TensorSpec(shape, model.inputs[0].dtype)
    with _inlined_functions():
        call = tf.function(lambda x: model(x, training=False))
        concrete = call.get_concrete_function(images)
    return concrete.graph, concrete.outputs


def walk(graph: tf.Graph) -> Iterator[tuple[tf.Operation, list[tf.Tensor]]]:
    """Yields the operations that depend on the images, in order.

    Each operation comes with its inputs that depend on the images.

    Args:
        graph: Graph from `trace`.

    Raises:
        ValueError: If the graph contains an unsupported operation.
    """
    reached = {graph.inputs[0].op.name}
    for op in graph.get_operations():
        maps = [x for x in op.inputs if x.op.name in reached]
        if not maps:
            continue
        if op.type in _UNKNOWN:
            raise ValueError(
                "the network must be made of convolutions, matrix products, pooling "
                f"and element-wise operations, received {op.type}"
            )
        reached.add(op.name)
        yield op, maps


@contextmanager
def _inlined_functions() -> Iterator[None]:
    """Inlines Keras's inner `tf.function`s, e.g. for grouped convolutions."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _joined(paths: Iterable[_Seen]) -> _Seen:
    paths = list(paths)
    return _Seen(
        max(path.depth for path in paths),
        tuple(max(path.field[axis] for path in paths) for axis in (0, 1)),
        tuple(max(path.step[axis] for path in paths) for axis in (0, 1)),
    )


def _after(op: tf.Operation, seen: _Seen) -> _Seen:
    """Returns the facts of the output of `op`, given the facts of its input."""
    if op.type == "MatMul":
        return seen.deeper()
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        return seen.through(_window(op), _spatial(op, "strides")).deeper()
    if op.type in ("AvgPool", "MaxPool"):
        window = _spatial(op, "ksize")
        if window == _map_size(op):
            return seen
        return seen.through(window, _spatial(op, "strides"))
    if op.type == "StridedSlice":
        return seen.through((1, 1), _slice_strides(op))
    # The two halves of a dilated convolution.
    if op.type == "SpaceToBatchND":
        return seen.through((1, 1), tf.get_static_value(op.inputs[1]).tolist())
    if op.type == "BatchToSpaceND":
        rates = tf.get_static_value(op.inputs[1]).tolist()
        return _Seen(seen.depth, seen.field, tuple(map(floordiv, seen.step, rates)))
    return seen


def _window(op: tf.Operation) -> list[int]:
    """Returns the height and width that a convolution's kernel covers."""
    sizes, rates = op.inputs[1].shape[:2], _spatial(op, "dilations")
    return [1 + (size - 1) * rate for size, rate in zip(sizes, rates, strict=True)]


def multiply_adds(op: tf.Operation) -> int:
    """Returns the multiply-adds of a convolution or matrix product; 0 for others."""
    if op.type not in _PER_OUTPUT:
        return 0
    kernel = list(op.inputs[1].shape)
    if op.type == "MatMul" and op.get_attr("transpose_b"):
        kernel.reverse()
    return prod(op.outputs[0].shape) * _PER_OUTPUT[op.type](kernel)


def _spatial(op: tf.Operation, attribute: str) -> list[int]:
    """Returns the values of an attribute for height and width."""
    first = _first_spatial_axis(op)
    return list(op.get_attr(attribute)[first : first + 2])


def _map_size(op: tf.Operation) -> list[int]:
    first = _first_spatial_axis(op)
    return list(op.inputs[0].shape[first : first + 2])


def _first_spatial_axis(op: tf.Operation) -> int:
    return 2 if op.get_attr("data_format") == b"NCHW" else 1


def _slice_strides(op: tf.Operation) -> list[int]:
    """Returns the strides of `x[:, ::s, ::s]`; [1, 1] for any other slice."""
    strides = [abs(stride) for stride in tf.get_static_value(op.inputs[3]).tolist()]
    if op.get_attr("ellipsis_mask") or op.get_attr("new_axis_mask"):
        if max(strides) > 1:
            raise ValueError(
                "a slice with strides must name its axes, e.g. x[:, ::2, ::2]"
            )
        return [1, 1]
    return (strides[1:3] + [1, 1])[:2]
