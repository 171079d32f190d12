"""The ImageNet networks; test_networks.py checks their parameter counts."""

import numpy as np
import pytest

from resnet_tf import ModelConfig, build_model
from resnet_tf.config import NETWORKS
from resnet_tf.layers import BatchNorm, MaxPool, TorchConv2D
from resnet_tf.models.imagenet import build_imagenet_densenet, build_imagenet_resnet
from tests.models.built import built
from tests.models.counts import count

RESNET = [("stage1", 64), ("stage2", 128), ("stage3", 256), ("stage4", 512)]
# Channels after each dense block, as in torchvision: 64 + 6 k, half of it + 12 k, ...
DENSENET = [("stage1", 256), ("stage2", 512), ("stage3", 1024), ("stage4", 1024)]
STAGES = {
    "resnet18_cifar": (32, 32, RESNET),
    "resnet34_cifar": (32, 32, RESNET),
    "densenet121_cifar": (32, 32, DENSENET),
    "resnet18": (224, 56, RESNET),
    "densenet121": (224, 56, DENSENET),
}


@pytest.mark.parametrize("name", STAGES)
def test_the_shape_after_every_stage(name):
    model = built(name)
    shapes = {stage: tuple(x.shape[1:]) for stage, x in model.output.items()}
    images, side, stages = STAGES[name]
    assert model.input_shape == (None, images, images, 3)
    expected = {"stem": (side, side, 64)}
    for index, (stage, channels) in enumerate(stages):
        expected[stage] = (side >> index, side >> index, channels)
    assert shapes == {**expected, "logits": (10,)}


@pytest.mark.parametrize(
    ("name", "buffers"),
    [("resnet18_cifar", 9_600), ("resnet34_cifar", 17_024), ("densenet121", 83_648)],
)
def test_parameters_and_batch_norm_buffers(name, buffers):
    model = built(name)
    assert count(model.trainable_weights) == NETWORKS[name].published.parameters
    assert count(model.non_trainable_weights) == buffers


def test_the_wide_stem():
    model = built("resnet18")
    names = [layer.name for layer in model.layers]
    assert names[1:5] == ["stem_conv", "stem_bn", "stem_relu", "stem_pool"]
    stem = model.get_layer("stem_conv")
    assert isinstance(stem, TorchConv2D) and isinstance(model.layers[4], MaxPool)
    assert (stem.kernel_size, stem.strides, stem.use_bias) == ((7, 7), (2, 2), False)


def test_the_cifar_stems():
    resnet = built("resnet18_cifar")
    densenet = built("densenet121_cifar")
    assert resnet.layers[2].name == "stem_bn"
    assert densenet.layers[2].name == "stage1_layer1"
    for model in (resnet, densenet):
        assert model.get_layer("stem_conv").kernel_size == (3, 3)


@pytest.mark.parametrize("name", ["resnet18", "resnet34_cifar"])
def test_projections_are_in_the_first_blocks_of_stages_2_to_4(name):
    model = built(name)
    blocks = [layer for layer in model.layers if "_block" in layer.name]
    projected = [block.name for block in blocks if block.shortcut_kind == "B"]
    assert projected == ["stage2_block1", "stage3_block1", "stage4_block1"]
    assert {block.stride_padding for block in blocks} == {"both"}


@pytest.mark.parametrize(
    ("name", "new_first"), [("densenet121", False), ("densenet121_cifar", True)]
)
def test_the_order_of_concatenation(name, new_first):
    model = built(name)
    layers = [layer for layer in model.layers if "_layer" in layer.name]
    assert len(layers) == 6 + 12 + 24 + 16
    assert {layer.new_first for layer in layers} == {new_first}


def test_settings_reach_every_layer():
    model = build_model(
        "resnet18_cifar",
        bn_momentum=0.5,
        bn_epsilon=1e-3,
        bn_eval="batch",
        kernel_initializer="he_fan_in",
    )
    norms = [x for x in model._flatten_layers() if isinstance(x, BatchNorm)]
    settings = {(x.momentum, x.epsilon, x.evaluation) for x in norms}
    assert settings == {(0.5, 1e-3, "batch")}
    # A 3x3 convolution from 64 to 128 channels.
    kernel = model.get_layer("stage2_block1").conv1.kernel
    assert np.std(kernel) == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)


@pytest.mark.parametrize("build", [build_imagenet_resnet, build_imagenet_densenet])
def test_another_familys_config_is_refused(build):
    with pytest.raises(ValueError, match="config.model must be .* received resnet$"):
        build(ModelConfig())
