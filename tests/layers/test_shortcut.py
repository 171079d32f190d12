import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.layers import ProjectionShortcut, ZeroPadShortcut, make_shortcut
from resnet_tf.layers.shortcut import MODES, SHORTCUTS
from tests.layers.by_hand import convolve
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 8, 6, 4)).astype("float32")


@pytest.mark.parametrize("mode", MODES)
def test_zero_pad_passes_the_checks_for_every_layer(mode, x, tmp_path):
    layer = ZeroPadShortcut(8, 2, mode)
    check_layer(layer, x, (2, 4, 3, 8), trainable=0, non_trainable=0)
    check_saving(ZeroPadShortcut(8, 2, mode), x, tmp_path)


def test_the_default_mode():
    assert ZeroPadShortcut(8).mode == "pool"


# The first of the four input channels among ten.
@pytest.mark.parametrize(
    ("mode", "start"), [("pool", 3), ("subsample", 3), ("append", 0)]
)
def test_the_map_and_the_place_of_the_zeros(mode, start, x):
    output = ZeroPadShortcut(10, 2, mode)(x).numpy()
    expected = np.zeros((2, 4, 3, 10))
    smaller = x[:, ::2, ::2]
    if mode == "pool":
        smaller = x.reshape(2, 4, 2, 3, 2, 4).mean((2, 4))
    expected[..., start : start + 4] = smaller
    np.testing.assert_allclose(output, expected, rtol=1e-6)
    np.testing.assert_array_equal(output == 0, expected == 0)


@pytest.mark.parametrize("mode", MODES)
def test_identity(mode, x):
    np.testing.assert_array_equal(ZeroPadShortcut(4, mode=mode)(x), x)


@pytest.mark.parametrize("filters", [2, 7])
def test_wrong_filters(x, filters):
    with pytest.raises(
        ValueError, match=f"above or equal to the 4.*received {filters}"
    ):
        ZeroPadShortcut(filters)(x)


def test_append_adds_any_number_of_channels(x):
    output = ZeroPadShortcut(7, mode="append")(x).numpy()
    np.testing.assert_array_equal(output[..., :4], x)
    assert output.shape[-1] == 7 and not output[..., 4:].any()
    with pytest.raises(ValueError, match="received 3"):
        ZeroPadShortcut(3, mode="append")(x)


@pytest.mark.parametrize("mode", MODES)
def test_half_of_an_odd_map_is_rounded_up(mode):
    maps = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    layer = ZeroPadShortcut(3, 2, mode)
    outputs = layer(maps).numpy()
    expected = [[2, 3.5], [6.5, 8]] if mode == "pool" else [[0, 2], [6, 8]]
    channel = 0 if mode == "append" else 1
    np.testing.assert_array_equal(outputs[0, :, :, channel], expected)
    assert outputs.sum() == np.sum(expected)
    assert layer.compute_output_shape((None, 3, None, 1)) == (None, 2, None, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strides": 3}, "strides must be 1 or 2, received 3"),
        ({"mode": "mean"}, "mode must be one of pool, subsample.*received 'mean'"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ZeroPadShortcut(8, **arguments)


# A 1x1 convolution from 4 to 8 channels and its batch norm or bias.
PROJECTIONS = {
    "after": ({"batch_norm": "after"}, 32 + 16, 16),
    "bias": ({"batch_norm": "none", "use_bias": True}, 32 + 8, 0),
    "before": ({"batch_norm": "before"}, 32 + 8, 8),
}


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_projection_passes_the_checks_for_every_layer(kind, x, tmp_path):
    options, trainable, buffers = PROJECTIONS[kind]
    layer = ProjectionShortcut(8, 2, **options)
    check_layer(layer, x, (2, 4, 3, 8), trainable, buffers)
    check_saving(ProjectionShortcut(8, 2, **options), x, tmp_path)


def _normal(x):
    return (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_projection_by_hand(kind, x):
    layer = ProjectionShortcut(8, 2, **PROJECTIONS[kind][0])
    layer.build(x.shape)
    expected = np.maximum(_normal(x), 0) if kind == "before" else x
    expected = convolve(expected, np.asarray(layer.conv.kernel), 2, 0, 0)
    if kind == "bias":
        layer.conv.bias.assign(np.arange(8))
        expected = expected + np.arange(8)
    if kind == "after":
        expected = _normal(expected)
    np.testing.assert_allclose(layer(x, training=True), expected, atol=1e-4)


def test_unknown_batch_norm_of_a_projection():
    with pytest.raises(ValueError, match="batch_norm must be after.*received 'no'"):
        ProjectionShortcut(8, batch_norm="no")


EXPECTED = {
    "A-pool": (ZeroPadShortcut, {"mode": "pool"}),
    "A-subsample": (ZeroPadShortcut, {"mode": "subsample"}),
    "A-append": (ZeroPadShortcut, {"mode": "append"}),
    "B": (ProjectionShortcut, {"batch_norm": "after", "use_bias": False}),
    "B-bias": (ProjectionShortcut, {"batch_norm": "none", "use_bias": True}),
    "B-pre": (ProjectionShortcut, {"batch_norm": "before", "use_bias": False}),
    "identity": (keras.layers.Identity, {}),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_make_shortcut(kind):
    options = {"dtype": "mixed_bfloat16", "activation": "gelu", "bn_epsilon": 1e-3}
    layer = make_shortcut(kind, 8, 1 if kind == "identity" else 2, **options)
    expected, settings = EXPECTED[kind]
    assert type(layer) is expected and layer.name == "shortcut"
    assert layer.compute_dtype == "bfloat16"
    for name, value in settings.items():
        assert getattr(layer, name) == value
    if expected is ProjectionShortcut:
        assert (layer.activation, layer.bn_epsilon) == ("gelu", 1e-3)


def test_no_shortcut():
    assert make_shortcut("none", 8, 2) is None
    assert set(SHORTCUTS) == {*EXPECTED, "none"}


def test_unknown_kind():
    with pytest.raises(ValueError, match="shortcut must be one of A-pool.*'C'"):
        make_shortcut("C", 8, 2)


@pytest.mark.skipif(not native.available(), reason="no native kernels")
@pytest.mark.parametrize("mode", ["subsample", "append"])
@pytest.mark.parametrize("filters", [3, 7])
def test_native_kernels_give_the_same_numbers(mode, filters):
    x = tf.random.stateless_normal((2, 5, 8, 3), [0, 0])
    layer = ZeroPadShortcut(filters, 2, mode)

    def results(own: bool):
        with native.computing(own), tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            dx = tape.gradient(y, x, tf.random.stateless_normal(y.shape, [1, 1]))
        return y, dx

    for received, expected in zip(results(True), results(False), strict=True):
        np.testing.assert_array_equal(received, expected)
