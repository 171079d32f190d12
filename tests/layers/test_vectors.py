import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.layers import BatchNorm, Conv2D
from resnet_tf.layers.vectors import check_channels, filled, missing, widened


@pytest.mark.parametrize(
    ("channels", "expected"), [(16, 0), (28, 4), (31, 1), (1, 15), (160, 0)]
)
def test_missing(channels, expected):
    assert missing(channels) == expected


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_last_vector_is_filled_with_zeros(dtype):
    parts = [tf.ones((2, 3, 3, 16), dtype), tf.fill((2, 3, 3, 12), tf.cast(2, dtype))]
    joined = filled(parts)
    assert joined.shape == (2, 3, 3, 32) and joined.dtype == dtype
    channels = tf.cast(joined, "float32")[1, 2, 0].numpy()
    assert channels.tolist() == [1] * 16 + [2] * 12 + [0] * 4


def test_a_full_tensor_is_not_copied():
    x = tf.ones((2, 3, 3, 32))
    assert filled([x]) is x


def test_the_batch_size_can_be_unknown():
    @tf.function(input_signature=[tf.TensorSpec((None, 3, 3, 5))])
    def run(x):
        y = filled([x])
        assert y.shape[1:] == (3, 3, 16)
        return y

    assert run(tf.ones((7, 3, 3, 5))).shape == (7, 3, 3, 16)


def test_zeros_get_no_gradient():
    x = tf.ones((1, 2, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(3 * filled([x]))
    np.testing.assert_array_equal(tape.gradient(total, x), np.full((1, 2, 2, 3), 3.0))


def test_a_weight_is_padded_at_its_end():
    weight = tf.reshape(tf.range(6.0), (1, 3, 2))
    assert widened(weight, 1, 3) is weight
    wide = widened(weight, 1, 5)
    np.testing.assert_array_equal(wide[:, :3], weight)
    np.testing.assert_array_equal(wide[:, 3:], np.zeros((1, 2, 2)))


@pytest.mark.parametrize(
    ("received", "built", "training"),
    [(7, 7, False), (7, 7, True), (16, 7, True), (32, 32, True)],
)
def test_the_width_of_an_input(received, built, training):
    check_channels(received, built, training)


@pytest.mark.parametrize(
    ("received", "built", "training", "expected"),
    [
        (16, 7, False, "7"),
        (16, 7, None, "7"),
        (6, 7, True, "7 or 16"),
        (32, 7, True, "7 or 16"),
        (48, 32, True, "32"),
    ],
)
def test_a_wrong_width_is_refused(received, built, training, expected):
    message = f"inputs must have {expected} channels, received {received}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        check_channels(received, built, training)


@pytest.mark.parametrize(
    ("training", "width", "expected"),
    [(False, 16, "7"), (True, 6, "7 or 16"), (True, 8, "7 or 16")],
)
@pytest.mark.parametrize("make", [BatchNorm, lambda: Conv2D(3, 3)])
def test_the_layers_refuse_another_width(make, training, width, expected):
    layer = make()
    layer.build((None, 4, 4, 7))
    message = f"inputs must have {expected} channels, received {width}"
    with pytest.raises(ValueError, match=message):
        layer(np.ones((2, 4, 4, width), "float32"), training=training)
