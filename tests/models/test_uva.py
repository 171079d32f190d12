"""The tutorial's networks, block for block; test_networks.py checks their counts."""

import functools

import keras
import numpy as np
import pytest

from resnet_tf import ModelConfig, build_model
from resnet_tf.layers import BatchNorm, Block, MaxPool
from resnet_tf.models.uva import build_uva_densenet, build_uva_resnet
from tests.models.built import built
from tests.models.counts import count

CIFAR_STAGES = {
    "stem": (32, 32, 16),
    "stage1": (32, 32, 16),
    "stage2": (16, 16, 32),
    "stage3": (8, 8, 64),
    "logits": (10,),
}
STAGES = {
    "uva_googlenet": {
        "stem": (32, 32, 64),
        "stage1": (32, 32, 96),
        "stage2": (16, 16, 128),
        "stage3": (8, 8, 128),
        "logits": (10,),
    },
    "uva_resnet": CIFAR_STAGES,
    "uva_preact": CIFAR_STAGES,
    "uva_densenet": {
        "stem": (32, 32, 32),
        "stage1": (32, 32, 128),
        "stage2": (16, 16, 160),
        "stage3": (8, 8, 176),
        "stage4": (4, 4, 184),
        "logits": (10,),
    },
}
CHANGED = {
    "activation": "gelu",
    "bn_momentum": 0.5,
    "bn_epsilon": 1e-3,
    "bn_eval": "batch",
    "dtype": "mixed_bfloat16",
}


@functools.cache
def changed(name):
    """Returns a network with settings that differ from the default, built once."""
    return build_model(name, **CHANGED)


@functools.cache
def wide(name):
    """Returns a network with another activation and a wide head, built once."""
    keras.utils.set_random_seed(0)
    return build_model(name, activation="tanh", num_classes=1000)


# Networks whose kernels have the standard deviation gain / sqrt(fan_out).
FAN_OUT = {"uva_resnet", "uva_preact"}


@pytest.mark.parametrize("name", STAGES)
def test_the_shape_after_every_stage(name):
    model = built(name)
    shapes = {stage: tuple(x.shape[1:]) for stage, x in model.output.items()}
    assert shapes == STAGES[name]


def test_the_parameters_of_every_inception_block():
    model = built("uva_googlenet")
    blocks = [layer for layer in model.layers if "_block" in layer.name]
    assert [count(block.trainable_weights) for block in blocks] == [
        17_360,
        24_432,
        27_120,
        28_336,
        28_336,
        33_936,
        48_960,
        48_960,
    ]
    assert [x.name for x in model.layers if isinstance(x, MaxPool)] == [
        "pool1",
        "pool2",
    ]


def biases(model) -> set[str]:
    return {v.path for v in model.trainable_variables if v.name == "bias"}


def test_which_convolutions_have_a_bias():
    assert biases(built("uva_resnet")) == {
        "stage2_block1/shortcut/conv/bias",
        "stage3_block1/shortcut/conv/bias",
        "logits/bias",
    }
    assert biases(built("uva_preact")) == {"logits/bias"}
    assert biases(built("uva_densenet")) == {"stem_conv/bias", "logits/bias"}
    # The stem, eight blocks of six convolutions, and the head.
    assert len(biases(built("uva_googlenet"))) == 1 + 8 * 6 + 1


def test_the_two_orders_differ_in_stem_shortcut_and_end():
    post, pre = built("uva_resnet"), built("uva_preact")
    names = [{layer.name for layer in model.layers} for model in (post, pre)]
    assert names[0] - names[1] == {"stem_bn", "stem_relu"}
    assert names[1] < names[0]
    assert pre.get_layer("stage1_block1").preactivate
    shortcut = pre.get_layer("stage2_block1").shortcut
    assert shortcut.batch_norm == "before" and not shortcut.use_bias
    assert post.get_layer("stage2_block1").shortcut.bn is None


def test_new_channels_come_first_in_the_densenet():
    layer = built("uva_densenet").get_layer("stage1_layer1")
    assert layer.new_first and layer.conv1.filters == 32 and layer.conv2.filters == 16


@pytest.mark.parametrize("name", ["uva_resnet", "uva_preact"])
def test_zeros_lie_on_both_sides_at_stride_2(name):
    block = built(name).get_layer("stage2_block1")
    assert block.stride_padding == "both"


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """Frees the networks after the tests of this file."""
    yield
    changed.cache_clear()
    wide.cache_clear()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("name", STAGES)
def test_kernels_start_with_the_gain_of_the_activation(name, activation):
    relu = activation == "relu"  # the default
    model = built(name) if relu else wide(name)
    for variable in model.trainable_variables:
        if variable.name == "kernel" and variable.path.startswith("stage2"):
            height, width, fan_in, fan_out = variable.shape
            if height * width * fan_in * fan_out < 4_000:
                continue
            fan = height * width * (fan_out if name in FAN_OUT else fan_in)
            gain = 5 / 3 if activation == "tanh" else np.sqrt(2)
            expected = gain / np.sqrt(fan)
            assert np.std(variable) == pytest.approx(expected, rel=0.08), variable.path


@pytest.mark.parametrize("name", STAGES)
def test_the_head_starts_as_in_pytorch(name):
    head = wide(name).get_layer("logits")
    bound = 1 / np.sqrt(head.kernel.shape[0])
    for values in (np.asarray(head.kernel), np.asarray(head.bias)):
        assert 0.98 * bound < values.max() <= bound
        assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.08)


@pytest.mark.parametrize("name", STAGES)
def test_settings_reach_every_layer(name):
    model = changed(name)
    layers = list(model._flatten_layers())
    norms = [x for x in layers if isinstance(x, BatchNorm)]
    settings = {(x.momentum, x.epsilon, x.evaluation) for x in norms}
    assert settings == {(0.5, 1e-3, "batch")}
    assert {x.activation for x in layers if isinstance(x, Block)} == {"gelu"}


@pytest.mark.parametrize("name", STAGES)
def test_logits_are_float32_under_mixed_precision(name, images):
    model = changed(name)
    logits = model(images[:2], training=True).numpy()
    assert logits.dtype == "float32" and np.isfinite(logits).all()
    blocks = [x for x in model.layers if isinstance(x, Block)]
    assert {x.compute_dtype for x in blocks} == {"bfloat16"}


@pytest.mark.parametrize("build", [build_uva_resnet, build_uva_densenet])
def test_another_familys_config_is_refused(build):
    with pytest.raises(ValueError, match="config.model must be uva_.* received resnet"):
        build(ModelConfig())
