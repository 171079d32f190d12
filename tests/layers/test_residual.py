import numpy as np
import pytest

from resnet_tf.layers import PreActResidualBlock, ResidualBlock, make_shortcut
from tests.layers.by_hand import convolve
from tests.layers.harness import check_layer, check_saving

BLOCKS = {
    "post": lambda **k: ResidualBlock(**k),
    "pre": lambda **k: PreActResidualBlock(**k),
    "first": lambda **k: PreActResidualBlock(preactivate=False, **k),
}
# Two convolutions and the batch norms of their inputs or outputs, 4 to 8 channels.
PARAMETERS = {"post": 2 * 16 + 864, "pre": 8 + 16 + 864, "first": 16 + 864}
# Parameters and buffers of a shortcut from 4 to 8 channels.
SHORTCUTS = {
    "A-pool": (0, 0),
    "A-subsample": (0, 0),
    "A-append": (0, 0),
    "B": (32 + 16, 16),
    "B-bias": (32 + 8, 0),
    "B-pre": (32 + 8, 8),
    "none": (0, 0),
}
ORDERS = {
    "post": ["conv1", "bn1", "act", "conv2", "bn2"],
    "pre": ["bn1", "act", "conv1", "bn2", "act", "conv2"],
    "first": ["conv1", "bn2", "act", "conv2"],
}


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_the_checks_for_every_layer(kind, shortcut, x, tmp_path):
    parameters, (more, buffers) = PARAMETERS[kind], SHORTCUTS[shortcut]
    arguments = {"filters": 8, "strides": 2, "shortcut": shortcut}
    check_layer(
        BLOCKS[kind](**arguments),
        x,
        (2, 4, 4, 8),
        trainable=parameters + more,
        non_trainable=parameters - 864 + buffers,
    )
    check_saving(BLOCKS[kind](**arguments, bn_epsilon=1e-3), x, tmp_path)


@pytest.mark.parametrize("kind", BLOCKS)
def test_identity(kind, x, tmp_path):
    block = BLOCKS[kind](filters=4, shortcut="identity")
    block.build(x.shape)
    block.conv2.kernel.assign(np.zeros(block.conv2.kernel.shape))
    expected = np.maximum(x, 0) if kind == "post" else x
    np.testing.assert_array_equal(block(x, training=True), expected)
    check_saving(BLOCKS[kind](filters=4, shortcut="identity"), x, tmp_path)


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize("kind", BLOCKS)
def test_with_zero_kernels_only_the_shortcut_is_left(kind, shortcut, x):
    block = BLOCKS[kind](filters=8, strides=2, shortcut=shortcut)
    block.build(x.shape)
    block.conv2.kernel.assign(np.zeros(block.conv2.kernel.shape))
    expected = np.zeros((2, 4, 4, 8))
    if shortcut != "none":
        alone = make_shortcut(shortcut, 8, 2)
        alone.build(x.shape)
        alone.set_weights(block.shortcut.get_weights())
        expected = alone(x).numpy()
        assert expected.any()
    if kind == "post":
        expected = np.maximum(expected, 0)
    np.testing.assert_array_equal(block(x), expected)


def _by_hand(block, x, order, activation, before):
    """Runs the steps one by one, in the order of the paper's figure."""
    for step in order:
        if step == "act":
            x = activation(x)
        elif step.startswith("bn"):
            x = getattr(block, step)(x, training=True).numpy()
        else:
            kernel, strides = getattr(block, step).kernel, 2 if step == "conv1" else 1
            edge = before if step == "conv1" else 1
            x = convolve(x, np.asarray(kernel), strides, edge, after=1)
    return x


@pytest.mark.parametrize(("padding", "before"), [("end", 0), ("both", 1)])
@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("kind", BLOCKS)
def test_the_order_is_the_papers(kind, name, padding, before, x):
    block = BLOCKS[kind](filters=8, strides=2, stride_padding=padding, activation=name)
    block.build(x.shape)
    activation = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh}[name]
    expected = _by_hand(block, x, ORDERS[kind], activation, before)
    expected = expected + block.shortcut(x).numpy()
    if kind == "post":
        expected = activation(expected)
    np.testing.assert_allclose(block(x, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_batch_norm_of_the_shortcut_trains_with_the_block(kind, x):
    block = BLOCKS[kind](filters=8, strides=2, shortcut="B")
    block(x, training=False)
    assert not np.any(block.shortcut.bn.moving_mean)
    block(x, training=True)
    assert np.all(np.asarray(block.shortcut.bn.moving_mean) != 0)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("shortcut", ["A-pool", "B"])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_inner_layers_use_the_blocks_policy(kind, shortcut, dtype, x):
    block = BLOCKS[kind](filters=8, strides=2, shortcut=shortcut, dtype=dtype)
    assert block(x).dtype == dtype.removeprefix("mixed_")
    again = type(block).from_config(block.get_config())
    for child in (again.conv1, again.shortcut):
        assert child.compute_dtype == dtype.removeprefix("mixed_")
    assert {weight.dtype for weight in block.weights} == {"float32"}


def test_wrong_filters(x):
    with pytest.raises(ValueError, match="filters must be an even number"):
        ResidualBlock(5)(x)


@pytest.mark.parametrize("arguments", [{"filters": 8}, {"filters": 4, "strides": 2}])
def test_the_identity_cannot_change_the_shape(arguments, x):
    with pytest.raises(ValueError, match="shortcut must give .* received 'identity'"):
        ResidualBlock(shortcut="identity", **arguments)(x)


def test_unknown_activation():
    with pytest.raises(ValueError, match="activation must be one of relu"):
        ResidualBlock(8, activation="selu")
