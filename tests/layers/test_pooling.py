import keras
import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import MaxPool
from tests.layers.by_hand import max_pool
from tests.layers.harness import check_layer, check_saving


def maps(height, width):
    # All negative, so a border of zeros would be the maximum.
    return np.random.default_rng(0).uniform(-9, -1, (2, height, width, 3)).astype("f4")


def test_the_checks_for_every_layer(tmp_path):
    x = maps(8, 6)
    check_layer(MaxPool(), x, (2, 4, 3, 3), trainable=0, non_trainable=0)
    check_saving(MaxPool(), x, tmp_path)


@pytest.mark.parametrize(("height", "width"), [(8, 6), (7, 9), (1, 2)])
def test_the_border_is_on_both_sides_and_is_ignored(height, width):
    x = maps(height, width)
    output = MaxPool()(x).numpy()
    assert output.shape == (2, (height + 1) // 2, (width + 1) // 2, 3)
    np.testing.assert_array_equal(output, max_pool(x, 3, 2, before=1, after=1))


def test_keras_pads_an_even_map_elsewhere():
    x = maps(8, 8)
    same = keras.layers.MaxPooling2D(3, 2, "same")(x).numpy()
    np.testing.assert_array_equal(same, max_pool(x, 3, 2, before=0, after=1))
    assert not np.array_equal(same, MaxPool()(x))


def test_any_size():
    assert MaxPool().compute_output_shape((None, None, 7, 3)) == (None, None, 4, 3)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision(dtype):
    output = MaxPool(dtype=f"mixed_{dtype}")(maps(8, 8))
    assert output.dtype == dtype
    assert np.isfinite(np.asarray(output, "float32")).all()


@pytest.mark.parametrize("side", [7, 8])
def test_a_repeated_edge_changes_no_value_and_no_gradient(side):
    # Many ties; the first value in the window gets the gradient.
    values = np.random.default_rng(0).integers(0, 3, (2, side, side, 5))
    x = tf.constant(values, tf.float32)
    weights = tf.random.stateless_normal((2, 4, 4, 5), (0, 0))

    def outputs(pool):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = pool(x)
            loss = tf.reduce_sum(y * weights)
        return y, tape.gradient(loss, x)

    (y, gradient), (same, other) = map(outputs, (MaxPool(), MaxPool(repeat_edge=True)))
    np.testing.assert_array_equal(y, same)
    np.testing.assert_allclose(gradient, other, atol=1e-6)
