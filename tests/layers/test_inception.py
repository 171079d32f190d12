import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import ConvUnit, InceptionBlock
from tests.layers.by_hand import convolve, max_pool
from tests.layers.harness import check_layer, check_saving

# The tutorial's first block with fewer channels: (1x1, 3x3, 5x5, pooling), reduced.
FILTERS, REDUCED = (2, 3, 4, 5), (6, 7)
CONVOLUTIONS = [(1, 4, 2), (1, 4, 6), (3, 6, 3), (1, 4, 7), (5, 7, 4), (1, 4, 5)]
OUT = sum(out for _, _, out in CONVOLUTIONS)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 6, 5, 4)).astype("float32")


def _unit(unit, x):
    """Computes a unit in training by hand: convolution, bias, batch norm, ReLU."""
    kernel, half = np.asarray(unit.conv.kernel), unit.kernel_size // 2
    y = convolve(x, kernel, 1, half, half) + np.asarray(unit.conv.bias)
    y = (y - y.mean((0, 1, 2))) / np.sqrt(y.var((0, 1, 2)) + 1e-5)
    return np.maximum(y, 0)


def test_unit(x, tmp_path):
    check_layer(ConvUnit(5, 3), x, (2, 6, 5, 5), 9 * 4 * 5 + 5 + 10, 10)
    check_saving(ConvUnit(5, 3), x, tmp_path)
    unit = ConvUnit(5, 3)
    np.testing.assert_allclose(unit(x, training=True), _unit(unit, x), atol=1e-4)


def test_the_checks_for_every_layer(x, tmp_path):
    kernels = sum(size**2 * fan_in * out for size, fan_in, out in CONVOLUTIONS)
    check_layer(
        InceptionBlock(FILTERS, REDUCED),
        x,
        (2, 6, 5, 14),
        trainable=kernels + OUT + 2 * OUT,
        non_trainable=2 * OUT,
    )
    check_saving(InceptionBlock(FILTERS, REDUCED), x, tmp_path)


def test_the_branches_and_their_order(x):
    # All negative, so a border of zeros would be the maximum.
    x -= 9
    block = InceptionBlock(FILTERS, REDUCED)
    block.build(x.shape)
    branches = [
        _unit(block.conv_1x1, x),
        _unit(block.conv_3x3, _unit(block.reduce_3x3, x)),
        _unit(block.conv_5x5, _unit(block.reduce_5x5, x)),
        _unit(block.conv_pool, max_pool(x, 3, 1, before=1, after=1)),
    ]
    assert [branch.shape[-1] for branch in branches] == list(FILTERS)
    expected = np.concatenate(branches, axis=-1)
    np.testing.assert_allclose(block(x, training=True), expected, atol=1e-4)


def test_settings_reach_every_unit():
    block = InceptionBlock(
        FILTERS, REDUCED, activation="gelu", bn_momentum=0.5, bn_eval="batch"
    )
    units = [layer for layer in block._flatten_layers() if isinstance(layer, ConvUnit)]
    assert len(units) == 6
    for unit in units:
        assert (unit.activation, unit.bn.momentum) == ("gelu", 0.5)
        assert unit.bn.evaluation == "batch"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_inner_layers_use_the_blocks_policy(dtype, x):
    block = InceptionBlock(FILTERS, REDUCED, dtype=f"mixed_{dtype}")
    assert block(x).dtype == dtype
    assert {weight.dtype for weight in block.weights} == {"float32"}


@pytest.mark.parametrize(
    ("filters", "reduced", "message"),
    [
        ((1, 2, 3), REDUCED, r"filters must be 4 numbers, received \(1, 2, 3\)"),
        (FILTERS, (1,), r"reduced must be 2 numbers, received \(1,\)"),
    ],
)
def test_wrong_arguments(filters, reduced, message):
    with pytest.raises(ValueError, match=message):
        InceptionBlock(filters, reduced)


def _trained(block, x, computing):
    """Returns the output in training, the gradients and the new moving averages."""
    before = block.get_weights()
    variables = block.trainable_variables
    with native.computing(computing), tf.GradientTape() as tape:
        tape.watch(x)
        y = block(x, training=True)
        loss = tf.reduce_sum(y**3)
    # The gradient of a bias is zero, because batch norm subtracts the mean.
    watched = [x, *(v for v in variables if not v.path.endswith("conv/bias"))]
    gradients = tape.gradient(loss, [getattr(v, "value", v) for v in watched])
    moved = [v.numpy() for v in block.non_trainable_variables]
    block.set_weights(before)
    return y, gradients, moved


@pytest.mark.skipif(not native.available(), reason="no native kernels")
def test_native_kernels_join_the_branches(x):
    x = tf.constant(x)
    block = InceptionBlock((8, 16, 8, 4), (16, 8))
    block.build(x.shape)
    ours, theirs = _trained(block, x, True), _trained(block, x, False)
    for received, expected in zip(*map(tf.nest.flatten, (ours, theirs)), strict=True):
        np.testing.assert_allclose(received, expected, rtol=2e-3, atol=2e-4)
    with native.computing(True):
        function = tf.function(lambda x: block(x, training=True))
        operations = function.get_concrete_function(x).graph.get_operations()
    norms = [op for op in operations if op.type == "ResnetTfBatchNorm"]
    assert sorted(op.get_attr("widths") for op in norms) == [[16, 8], [36]]


@pytest.mark.skipif(not native.available(), reason="no native kernels")
@pytest.mark.parametrize("kind", ["gelu", "frozen", "evaluated"])
def test_other_blocks_are_computed_branch_by_branch(kind, x):
    activation = "gelu" if kind == "gelu" else "relu"
    block = InceptionBlock(FILTERS, REDUCED, activation=activation)
    block.build(x.shape)
    block.conv_3x3.bn.trainable = kind != "frozen"
    training = kind != "evaluated"
    expected = block(x, training=training)
    with native.computing(True):
        received = block(x, training=training)
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-4)
