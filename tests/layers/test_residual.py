import numpy as np
import pytest

from resnet_tf.layers import PreActResidualBlock, ResidualBlock, ZeroPadShortcut
from tests.layers.harness import check_layer, check_saving

BLOCKS = {
    "post": lambda **k: ResidualBlock(**k),
    "pre": lambda **k: PreActResidualBlock(**k),
    "first": lambda **k: PreActResidualBlock(preactivate=False, **k),
}
# Two convolutions and the batch norms on their inputs or outputs, 4 to 8 channels.
PARAMETERS = {"post": 2 * 16 + 864, "pre": 8 + 16 + 864, "first": 16 + 864}


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")


@pytest.mark.parametrize("kind", BLOCKS)
def test_what_every_layer_owes(kind, x, tmp_path):
    parameters = PARAMETERS[kind]
    check_layer(
        BLOCKS[kind](filters=8, strides=2),
        x,
        (2, 4, 4, 8),
        trainable=parameters,
        non_trainable=parameters - 864,
    )
    check_saving(BLOCKS[kind](filters=8, strides=2, bn_epsilon=1e-3), x, tmp_path)


@pytest.mark.parametrize("kind", BLOCKS)
def test_with_zero_kernels_only_the_shortcut_is_left(kind, x):
    block = BLOCKS[kind](filters=8, strides=2)
    block.build(x.shape)
    block.conv2.kernel.assign(np.zeros(block.conv2.kernel.shape))
    shortcut = ZeroPadShortcut(8, 2)(x).numpy()
    expected = np.maximum(shortcut, 0) if kind == "post" else shortcut
    np.testing.assert_array_equal(block(x), expected)
    np.testing.assert_array_equal(block(x, training=True), expected)


def _by_hand(block, x, order):
    """Runs the children one by one, in the order that the paper's figure has."""
    for step in order:
        if step == "relu":
            x = np.maximum(x, 0)
        elif step.startswith("bn"):
            x = getattr(block, step)(x, training=True).numpy()
        else:
            x = getattr(block, step)(x).numpy()
    return x


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("post", ["conv1", "bn1", "relu", "conv2", "bn2"]),
        ("pre", ["bn1", "relu", "conv1", "bn2", "relu", "conv2"]),
        ("first", ["conv1", "bn2", "relu", "conv2"]),
    ],
)
def test_the_order_is_the_papers(kind, order, x):
    block = BLOCKS[kind](filters=8, strides=2)
    block.build(x.shape)
    expected = _by_hand(block, x, order) + ZeroPadShortcut(8, 2)(x).numpy()
    if kind == "post":
        expected = np.maximum(expected, 0)
    np.testing.assert_allclose(block(x, training=True), expected, atol=1e-5)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_children_take_the_blocks_policy(kind, dtype, x):
    block = BLOCKS[kind](filters=8, strides=2, dtype=dtype)
    assert block(x).dtype == dtype.removeprefix("mixed_")
    again = type(block).from_config(block.get_config())
    assert again.conv1.compute_dtype == dtype.removeprefix("mixed_")
    assert {weight.dtype for weight in block.weights} == {"float32"}


def test_wrong_filters(x):
    with pytest.raises(ValueError, match="filters must be an even number"):
        ResidualBlock(5)(x)
