import numpy as np
import pytest

from resnet_tf.layers import ZeroPadShortcut
from tests.layers.harness import check_layer, check_saving


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(2, 8, 6, 4)).astype("float32")


def test_what_every_layer_owes(x, tmp_path):
    check_layer(ZeroPadShortcut(8, 2), x, (2, 4, 3, 8), trainable=0, non_trainable=0)
    check_saving(ZeroPadShortcut(8, 2), x, tmp_path)


def test_average_pool_and_zeros_on_both_sides(x):
    output = ZeroPadShortcut(10, 2)(x).numpy()
    pooled = x.reshape(2, 4, 2, 3, 2, 4).mean((2, 4))
    np.testing.assert_allclose(output[..., 3:7], pooled, rtol=1e-6)
    assert np.all(output[..., :3] == 0) and np.all(output[..., 7:] == 0)


def test_identity(x):
    np.testing.assert_array_equal(ZeroPadShortcut(4)(x), x)


@pytest.mark.parametrize("filters", [2, 7])
def test_wrong_filters(x, filters):
    with pytest.raises(
        ValueError, match=f"above or equal to the 4.*received {filters}"
    ):
        ZeroPadShortcut(filters)(x)


def test_odd_maps_cannot_be_halved():
    with pytest.raises(ValueError, match=r"divisible by strides=2, received \(7, 8\)"):
        ZeroPadShortcut(8, 2)(np.zeros((1, 7, 8, 4), "float32"))


def test_wrong_strides():
    with pytest.raises(ValueError, match="strides must be 1 or 2, received 3"):
        ZeroPadShortcut(8, 3)
