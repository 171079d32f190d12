"""Kernels of the CPU, alone: what a layer could ask of them in two ways."""

from collections.abc import Callable
from functools import partial

import tensorflow as tf
from trials.pairs import Pair, Trial

from resnet_tf.layers.convolution import narrow_convolution
from resnet_tf.layers.vectors import filled

EPSILON = 1e-3
FILLED = "resnet_tf/layers/vectors.py"
NARROW = "resnet_tf/layers/convolution.py"


def kernel_pairs(batch: int) -> list[Pair]:
    """Returns the pairs for maps of `batch` images."""
    wide = (batch, 32, 32, 96)
    small = (batch, 16, 16, 240)
    half = "bfloat16"
    return [
        *(
            _filling(name, function, batch, precision)
            for precision in (half, "float32")
            for name, function in (
                ("batch norm", _batch_norm),
                ("gradient of batch norm", _batch_norm_gradient),
            )
        ),
        _narrow(wide, 12, half, NARROW),
        _narrow(small, 12, half, NARROW),
        _narrow(wide, 12, "float32"),
        _slice(wide, 88, half),
        *(_fused(shape, half) for shape in ((batch, 32, 32, 16), (batch, 16, 16, 32))),
        *(_product(wide, 48, precision) for precision in (half, "float32")),
    ]


def _filling(name: str, function: Callable, batch: int, precision: str) -> Pair:
    """Channels that fill their last vector against 88, which do not."""
    plain = _normal((batch, 32, 32, 88), precision)
    trial = Trial(
        name,
        "88 channels",
        "96 channels, the last 8 of them zeros",
        precision,
        _text(plain.shape),
        FILLED,
    )
    return Pair(trial, *(_bound(function, x) for x in (plain, filled([plain]))))


def _batch_norm(x):
    ones = tf.ones(x.shape[-1])
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=ones,
        offset=ones,
        mean=ones,
        variance=ones,
        epsilon=EPSILON,
        exponential_avg_factor=0.1,
        is_training=True,
    ).y


def _batch_norm_gradient(x, dy=None):
    ones = tf.ones(x.shape[-1])
    gradient = tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=x if dy is None else dy,
        x=x,
        scale=ones,
        reserve_space_1=0 * ones,
        reserve_space_2=ones,
        reserve_space_3=ones,
        epsilon=EPSILON,
        is_training=True,
    )
    return gradient[:3]


def _narrow(
    shape: tuple[int, ...], filters: int, precision: str, used_in: str = ""
) -> Pair:
    """The kernel's gradient with input and output in each other's place."""
    trial = Trial(
        f"kernel gradient of a 3x3 convolution to {filters} channels",
        "input and output as they are",
        "input and output change places",
        precision,
        _text(shape),
        used_in,
    )
    inputs = (
        _normal(shape, precision),
        _normal((3, 3, shape[-1], filters), precision),
        _normal((*shape[:-1], filters), precision),
    )
    ways = (_convolution, narrow_convolution)
    return Pair(trial, *(_bound(partial(_gradient, 1, way), *inputs) for way in ways))


def _slice(shape: tuple[int, ...], width: int, precision: str) -> Pair:
    """The gradients of two ways to take the first channels."""
    trial = Trial(
        f"gradient of the first {width} channels",
        "x[..., :width]",
        "tf.slice",
        precision,
        _text(shape),
        "resnet_tf/layers/batch_norm.py",
    )
    ways = (
        lambda x: x[..., :width],
        lambda x: tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, width]),
    )
    inputs = _normal(shape, precision), _normal((*shape[:-1], width), precision)
    return Pair(trial, *(_bound(partial(_gradient, 0, way), *inputs) for way in ways))


def _fused(shape: tuple[int, ...], precision: str) -> Pair:
    """The gradients of batch norm and ReLU as one function that XLA compiles."""
    trial = Trial(
        "gradient of batch norm and ReLU",
        "two kernels of TensorFlow",
        "one function compiled by XLA",
        precision,
        _text(shape),
    )
    x, dy = _normal(shape, precision), _normal(shape, precision, seed=1)
    inputs = x, tf.nn.relu(x), dy
    return Pair(
        trial,
        _bound(_two_kernels, *inputs),
        _bound(_one_function, *inputs, jit_compile=True),
    )


def _two_kernels(x, y, dy):
    return _batch_norm_gradient(x, tf.raw_ops.ReluGrad(gradients=dy, features=y))


def _one_function(x, y, dy):
    """The same in elementary operations, for mean 0, variance 1 and scale 1."""
    factor = (1 + EPSILON) ** -0.5
    dz = tf.where(y > 0, tf.cast(dy, tf.float32), 0.0)
    normal = factor * tf.cast(x, tf.float32)
    offset = tf.reduce_sum(dz, [0, 1, 2])
    scale = tf.reduce_sum(dz * normal, [0, 1, 2])
    number = x.shape[0] * x.shape[1] * x.shape[2]
    dx = factor * (dz - (offset + normal * scale) / number)
    return tf.cast(dx, x.dtype), scale, offset


def _product(shape: tuple[int, ...], filters: int, precision: str) -> Pair:
    """The kernel's gradient of a 1x1 convolution as a product of two matrices."""
    trial = Trial(
        f"kernel gradient of a 1x1 convolution to {filters} channels",
        "the convolution's own",
        "a matrix product",
        precision,
        _text(shape),
    )
    x = _normal(shape, precision)
    kernel = _normal((1, 1, shape[-1], filters), precision)
    dy = _normal((*shape[:-1], filters), precision)

    def product(x, kernel, dy):
        rows = (tf.reshape(map_, [-1, map_.shape[-1]]) for map_ in (x, dy))
        return tf.reshape(tf.matmul(*rows, transpose_a=True), kernel.shape)

    ways = partial(_gradient, 1, _convolution), product
    return Pair(trial, *(_bound(way, x, kernel, dy) for way in ways))


def _convolution(x, kernel):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def _gradient(place: int, function: Callable, *inputs):
    """Returns the gradient of one of the inputs; the last one is the output's."""
    *inputs, dy = inputs
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        y = function(*inputs)
    return tape.gradient(y, inputs[place], dy)


def _bound(function: Callable, *inputs, **options) -> Callable:
    """Returns the function as a graph that gets the inputs anew at every call."""
    return partial(tf.function(function, **options), *inputs)


def _normal(shape, precision: str, seed: int = 0) -> tf.Tensor:
    return tf.cast(tf.random.stateless_normal(shape, (0, seed)), precision)


def _text(shape) -> str:
    return "x".join(map(str, shape))
