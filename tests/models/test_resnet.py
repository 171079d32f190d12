import numpy as np
import pytest

from resnet_tf import ModelConfig, build_resnet
from resnet_tf.layers import BatchNorm, PreActResidualBlock, ResidualBlock
from tests.models.counts import count

# Own arithmetic: conv + BN + FC, He et al. 2015, table 6.
PARAMETERS = {3: 269_722, 5: 464_154, 7: 658_586, 9: 853_018, 18: 1_727_962}


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("n", PARAMETERS)
def test_exact_parameter_counts(n, order):
    config = ModelConfig(num_residual_blocks=n, order=order)
    model = build_resnet(config)
    assert count(model.trainable_weights) == PARAMETERS[n] == 97_216 * n - 21_926
    assert model.name == f"resnet{6 * n + 2}"
    assert config.layers_deep == 6 * n + 2


def test_a_hundred_classes_cost_5850_parameters_more():
    model = build_resnet(ModelConfig(num_residual_blocks=3, num_classes=100))
    assert count(model.trainable_weights) == 269_722 + 5_850


def test_batch_norm_buffers():
    model = build_resnet(ModelConfig(num_residual_blocks=3))
    assert count(model.non_trainable_weights) == 1_376
    assert model.count_params() == 271_098


@pytest.mark.parametrize("order", ["post", "pre"])
def test_the_shape_after_every_stage(order, images):
    model = build_resnet(ModelConfig(num_residual_blocks=2, order=order), features=True)
    shapes = {name: tuple(x.shape) for name, x in model(images).items()}
    assert shapes == {
        "stem": (8, 32, 32, 16),
        "stage1": (8, 32, 32, 16),
        "stage2": (8, 16, 16, 32),
        "stage3": (8, 8, 8, 64),
        "logits": (8, 10),
    }


@pytest.mark.parametrize("order", ["post", "pre"])
def test_the_order_of_the_layers(order):
    model = build_resnet(ModelConfig(num_residual_blocks=2, order=order))
    names = [layer.name for layer in model.layers]
    blocks = [f"stage{s}_block{b}" for s in (1, 2, 3) for b in (1, 2)]
    final = ["final_bn", "final_relu"] if order == "pre" else []
    stem = ["images", "stem_conv", "stem_bn", "stem_relu"]
    assert names == [*stem, *blocks, *final, "pool", "logits"]
    kind = PreActResidualBlock if order == "pre" else ResidualBlock
    assert all(type(model.get_layer(name)) is kind for name in blocks)


def test_only_the_first_block_starts_with_a_bare_convolution():
    model = build_resnet(ModelConfig(num_residual_blocks=2, order="pre"))
    blocks = [x for x in model.layers if isinstance(x, PreActResidualBlock)]
    assert [block.preactivate for block in blocks] == [
        False,
        True,
        True,
        True,
        True,
        True,
    ]


def test_strides_are_in_the_first_blocks_of_stages_2_and_3():
    model = build_resnet(ModelConfig(num_residual_blocks=2))
    strides = {b.name: b.strides for b in model.layers if hasattr(b, "shortcut")}
    assert [name for name, value in strides.items() if value == 2] == [
        "stage2_block1",
        "stage3_block1",
    ]


def test_settings_reach_every_layer():
    config = ModelConfig(num_residual_blocks=1, bn_epsilon=1e-3, bn_momentum=0.5)
    model = build_resnet(config)
    norms = [x for x in model._flatten_layers() if isinstance(x, BatchNorm)]
    assert len(norms) == 7
    assert {(x.momentum, x.epsilon) for x in norms} == {(0.5, 1e-3)}


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_and_finite(dtype, images):
    model = build_resnet(ModelConfig(num_residual_blocks=1), dtype=dtype)
    logits = model(images).numpy()
    assert logits.dtype == "float32" and np.isfinite(logits).all()
    assert model.get_layer("stage1_block1").compute_dtype == dtype.removeprefix(
        "mixed_"
    )


def test_another_familys_config_is_refused():
    with pytest.raises(ValueError, match="config.model must be resnet"):
        build_resnet(ModelConfig(model="densenet"))
