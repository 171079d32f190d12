import keras
import pytest
import tensorflow as tf

from resnet_tf import ModelConfig, build_densenet, build_resnet
from resnet_tf.analysis.audit.facts import Facts, facts
from tests.analysis.audit.user_networks import user_resnet

layers = keras.layers


def network(*path, side=32, channels=3):
    """Returns a sequential model of the layers, for images with the given side."""
    x = images = keras.Input((side, side, channels))
    for layer in path:
        x = layer(x)
    return keras.Model(images, x)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_resnet20(order):
    model = build_resnet(ModelConfig(num_residual_blocks=3, order=order))
    # Receptive field: 3 in the stem and 6 * 2 in stage 1. In stages 2 and 3 the first
    # convolution has the old step, five have the new step: 2 + 5 * 4 and 4 + 5 * 8.
    assert facts(model) == Facts(
        parameters=269_722,
        conv=267_696,
        batch_norm=1_376,
        dense=650,
        other=0,
        buffers=1_376,
        macs=40_551_040,
        receptive_field=3 + 6 * 2 + (2 + 5 * 4) + (4 + 5 * 8),
        depth=20,
        input_size=(32, 32),
    )


def test_densenet40():
    model = build_densenet(ModelConfig(model="densenet"))
    # Twelve convolutions per block with steps 1, 2 and 4; two blocks end in a 2x2 pool.
    assert facts(model) == Facts(
        parameters=1_019_722,
        conv=997_136,
        batch_norm=18_096,
        dense=4_490,
        other=0,
        buffers=18_096,
        macs=264_812_928,
        receptive_field=3 + 12 * 2 + 1 + 12 * 4 + 2 + 12 * 8,
        depth=40,
        input_size=(32, 32),
    )


def test_densenet_bc100():
    bc = {"bottleneck": True, "compression": 0.5}
    model = build_densenet(ModelConfig(model="densenet", depth=100, **bc))
    counted = facts(model)
    assert (counted.conv, counted.batch_norm, counted.dense) == (741_744, 23_988, 3_430)
    assert counted.parameters == 769_162
    assert counted.macs == 287_929_692
    assert counted.depth == 100
    assert counted.receptive_field == 3 + 16 * 2 + 1 + 16 * 4 + 2 + 16 * 8


def test_all_outputs_count():
    model = build_resnet(ModelConfig(num_residual_blocks=1), features=True)
    assert facts(model) == facts(build_resnet(ModelConfig(num_residual_blocks=1)))


def test_mixed_precision_changes_nothing():
    config = ModelConfig(num_residual_blocks=1)
    model = build_resnet(config, dtype="mixed_bfloat16")
    assert facts(model) == facts(build_resnet(config))


def test_biases_belong_to_their_layer():
    counted = facts(user_resnet(1, use_bias=True, shortcut="projection"))
    # Widths: 16, then twice 16, 32 and 64, and the projections to 32 and 64.
    biases = 16 + 2 * (16 + 32 + 64) + 32 + 64
    kernels = 9 * (3 * 16 + 2 * 16 * 16 + 16 * 32 + 32 * 32 + 32 * 64 + 64 * 64)
    assert counted.conv == kernels + 16 * 32 + 32 * 64 + biases
    assert counted.dense == 64 * 10 + 10


# The layer on 4 channels, the side of its output, the size of its kernels (each weight
# is multiplied once per pixel), its receptive field and its depth.
CONVOLUTIONS = {
    "plain": (layers.Conv2D, {"kernel_size": 5}, 28, 25 * 4 * 8, 5, 1),
    "grouped": (layers.Conv2D, {"kernel_size": 3, "groups": 2}, 30, 9 * 2 * 8, 3, 1),
    "dilated": (
        layers.Conv2D,
        {"kernel_size": 3, "dilation_rate": 2},
        28,
        9 * 4 * 8,
        5,
        1,
    ),
    "separable": (
        layers.SeparableConv2D,
        {"kernel_size": 3},
        30,
        9 * 4 + 4 * 8,
        3,
        2,
    ),
    "dense": (layers.Dense, {}, 32, 4 * 8, 1, 1),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_kind_of_convolution(name):
    kind, options, side, kernels, field, depth = CONVOLUTIONS[name]
    counted = facts(network(kind(8, **options), channels=4))
    assert counted.macs == side * side * kernels
    assert counted.conv + counted.dense == kernels + 8
    assert (counted.receptive_field, counted.depth) == (field, depth)


def test_depthwise_convolution():
    layer = layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same")
    counted = facts(network(layer))
    assert counted.macs == 16 * 16 * 9 * 6
    assert counted.conv == 9 * 6 + 6


# Layers, and their receptive field computed by hand.
FIELDS = {
    "stride after": ([layers.Conv2D(2, 3), layers.Conv2D(2, 3, strides=2)], 5),
    "stride before": ([layers.Conv2D(2, 3, strides=2), layers.Conv2D(2, 3)], 7),
    "max pool": ([layers.MaxPooling2D(3, 2), layers.Conv2D(2, 3)], 3 + 2 * 2),
    "average pool": ([layers.AveragePooling2D(2), layers.Conv2D(2, 3)], 2 + 2 * 2),
    "slice": ([lambda x: x[:, ::2, ::2], layers.Conv2D(2, 3)], 1 + 2 * 2),
    "mirrored": ([lambda x: x[:, ::-1], layers.Conv2D(2, 3)], 3),
    "crop": ([lambda x: x[:, 1:9], layers.Conv2D(2, 3)], 3),
    "padding": ([layers.ZeroPadding2D(5), layers.Conv2D(2, 3)], 3),
    "channels first": (
        [
            layers.Permute((3, 1, 2)),
            layers.Conv2D(2, 3, strides=2, data_format="channels_first"),
            layers.MaxPooling2D(2, strides=1, data_format="channels_first"),
        ],
        3 + 2,
    ),
    "flat kernels": ([layers.Conv2D(2, (1, 5)), layers.Conv2D(2, (7, 1))], 7),
    "dilation": (
        [layers.Conv2D(2, 3, dilation_rate=4), layers.Conv2D(2, 3, strides=2)],
        1 + 2 * 4 + 2,
    ),
    "pool over the whole map": (
        [layers.Conv2D(2, 3), layers.AveragePooling2D(30), layers.Conv2D(2, 1)],
        3,
    ),
    "global pooling": ([layers.Conv2D(2, 3), layers.GlobalMaxPooling2D()], 3),
    "flattened": ([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)], 3),
}


@pytest.mark.parametrize("name", FIELDS)
def test_receptive_field(name):
    chain, field = FIELDS[name]
    assert facts(network(*chain)).receptive_field == field


def test_joined_paths_count_by_the_longest():
    images = keras.Input((32, 32, 3))
    short = layers.Conv2D(4, 7, padding="same")(images)
    long = layers.Conv2D(4, 3, padding="same")(images)
    long = layers.Conv2D(4, 1)(long)
    model = keras.Model(images, layers.Add()([short, long]))
    counted = facts(model)
    assert (counted.receptive_field, counted.depth) == (7, 2)
    assert counted.macs == 1024 * (49 * 12 + 9 * 12 + 16)


def test_the_weights_of_a_layer_that_runs_twice_count_once():
    images = keras.Input((8, 8, 3))
    layer = layers.Conv2D(3, 3, padding="same", use_bias=False)
    counted = facts(keras.Model(images, layer(layer(images))))
    assert (counted.parameters, counted.macs, counted.depth) == (81, 2 * 64 * 81, 2)


def test_other_weights_and_seeds():
    counted = facts(network(layers.PReLU(shared_axes=[1, 2]), layers.Dropout(0.5)))
    assert (counted.parameters, counted.other, counted.buffers) == (3, 3, 0)


def test_frozen_weights_are_buffers():
    model = network(layers.Conv2D(2, 1), layers.BatchNormalization())
    model.layers[1].trainable = False
    counted = facts(model)
    assert (counted.parameters, counted.conv, counted.buffers) == (4, 0, 8 + 4)


def test_an_open_size_must_be_given():
    model = user_resnet(1, side=None)
    assert facts(model, (32, 32)) == facts(user_resnet(1))
    assert facts(model, (64, 32)).input_size == (64, 32)
    with pytest.raises(ValueError, match="size of the images must be known"):
        facts(model)


def test_the_size_of_the_model_overrides_the_argument():
    assert facts(user_resnet(1), (64, 64)).input_size == (32, 32)


def test_an_input_without_channels_is_refused():
    x = keras.Input((32, 32))
    with pytest.raises(ValueError, match="must be images"):
        facts(keras.Model(x, layers.Dense(2)(x)))


def test_two_inputs_are_refused():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    with pytest.raises(ValueError, match="must be images"):
        facts(keras.Model(inputs, layers.Add()(inputs)))


@pytest.mark.parametrize(
    ("layer", "operation"),
    [
        (layers.UpSampling2D(2), "Tile"),
        (layers.Resizing(16, 16), "ResizeBilinear"),
        (layers.EinsumDense("nhwc,cd->nhwd", (8, 8, 4)), "Einsum"),
        (layers.Conv2DTranspose(2, 3), "Conv2DBackpropInput"),
        (lambda x: x[..., ::2, :], "slice with strides"),
    ],
)
def test_an_unsupported_operation_is_refused(layer, operation):
    with pytest.raises(ValueError, match=operation):
        facts(network(layer, side=8))


@pytest.mark.parametrize("eager", [False, True])
def test_the_eager_mode_of_the_caller_is_restored(eager):
    tf.config.run_functions_eagerly(eager)
    try:
        facts(network(layers.Conv2D(2, 3), side=8))
        assert tf.config.functions_run_eagerly() is eager
    finally:
        tf.config.run_functions_eagerly(False)
