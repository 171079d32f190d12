import functools

import numpy as np
import pytest

from resnet_tf import ModelConfig, build_resnet
from resnet_tf.layers import (
    BatchNorm,
    PreActBottleneckBlock,
    PreActResidualBlock,
    ResidualBlock,
)
from tests.models.counts import count

# Own arithmetic: conv + BN + FC, He et al. 2015, table 6. Order "post" has the same
# counts, which test_networks.py checks.
PARAMETERS = {3: 269_722, 5: 464_154, 7: 658_586, 9: 853_018, 18: 1_727_962}


@functools.cache
def built(config, **options):
    """Returns a network that many tests read and no test changes, built once."""
    return build_resnet(config, **options)


@pytest.mark.parametrize("n", [3, 5, 7, 9, pytest.param(18, marks=pytest.mark.slow)])
def test_exact_parameter_counts(n):
    config = ModelConfig(num_residual_blocks=n, order="pre")
    model = built(config)
    assert count(model.trainable_weights) == PARAMETERS[n] == 97_216 * n - 21_926
    assert model.name == f"resnet{6 * n + 2}"
    assert config.layers_deep == 6 * n + 2


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    ("shortcut", "more"),
    [("A-subsample", 0), ("A-append", 0), ("B", 2_752), ("none", 0)],
)
def test_the_parameters_of_a_shortcut(shortcut, more, n, order):
    config = ModelConfig(num_residual_blocks=n, order=order, shortcut=shortcut)
    model = built(config)
    assert count(model.trainable_weights) == 97_216 * n - 21_926 + more


@pytest.mark.parametrize("shortcut", ["A-pool", "A-subsample", "A-append", "none"])
def test_every_block_has_the_shortcut_of_the_config(shortcut):
    model = built(ModelConfig(num_residual_blocks=2, shortcut=shortcut))
    kinds = [x.shortcut_kind for x in model.layers if "_block" in x.name]
    assert kinds == [shortcut] * 6


def test_projections_are_at_the_two_transitions():
    model = built(ModelConfig(num_residual_blocks=2, shortcut="B"))
    kinds = {x.name: x.shortcut_kind for x in model.layers if "_block" in x.name}
    assert [name for name, kind in kinds.items() if kind == "B"] == [
        "stage2_block1",
        "stage3_block1",
    ]
    assert set(kinds.values()) == {"B", "identity"}


@pytest.mark.parametrize("padding", ["end", "both"])
def test_stride_padding_reaches_the_blocks(padding):
    model = built(ModelConfig(num_residual_blocks=1, stride_padding=padding))
    blocks = [x for x in model.layers if "_block" in x.name]
    assert {x.stride_padding for x in blocks} == {padding}


def bottleneck(n: int, **settings) -> ModelConfig:
    return ModelConfig(
        num_residual_blocks=n, order="pre", bottleneck=True, shortcut="B", **settings
    )


@pytest.mark.parametrize("n", [1, 2])
def test_exact_parameter_counts_with_bottleneck(n):
    model = built(bottleneck(n))
    # A block from c to f channels: BN, 1x1, BN, 3x3, BN, 1x1 and the projection.
    expected, c = 27 * 16, 16
    for f in (64, 128, 256):
        for block in range(n):
            q = f // 4
            expected += 2 * c + c * q + 2 * q + 9 * q * q + 2 * q + q * f
            expected += c * f if block == 0 else 0
            c = f
    expected += 2 * 256 + 2_570
    assert count(model.trainable_weights) == expected
    assert model.name == f"preact{9 * n + 2}"


def test_the_stages_with_bottleneck():
    model = built(bottleneck(2), features=True)
    assert {name: tuple(x.shape[1:]) for name, x in model.output.items()} == {
        "stem": (32, 32, 16),
        "stage1": (32, 32, 64),
        "stage2": (16, 16, 128),
        "stage3": (8, 8, 256),
        "logits": (10,),
    }


def test_the_order_of_the_layers_with_bottleneck():
    model = built(bottleneck(2))
    blocks = [f"stage{s}_block{b}" for s in (1, 2, 3) for b in (1, 2)]
    assert [layer.name for layer in model.layers] == [
        *("images", "stem_conv"),
        *blocks,
        *("final_bn", "final_relu", "pool", "logits"),
    ]
    layers = [model.get_layer(name) for name in blocks]
    assert all(type(layer) is PreActBottleneckBlock for layer in layers)
    assert [layer.project for layer in layers] == [True, False] * 3
    assert [layer.strides for layer in layers] == [1, 1, 2, 1, 2, 1]


def test_a_hundred_classes_cost_5850_parameters_more():
    model = built(ModelConfig(num_residual_blocks=3, num_classes=100))
    assert count(model.trainable_weights) == 269_722 + 5_850


def test_batch_norm_buffers():
    model = built(ModelConfig(num_residual_blocks=3))
    assert count(model.non_trainable_weights) == 1_376
    assert model.count_params() == 271_098


@pytest.mark.parametrize("order", ["post", "pre"])
def test_the_shape_after_every_stage(order, images):
    model = built(ModelConfig(num_residual_blocks=2, order=order), features=True)
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
    model = built(ModelConfig(num_residual_blocks=2, order=order))
    names = [layer.name for layer in model.layers]
    blocks = [f"stage{s}_block{b}" for s in (1, 2, 3) for b in (1, 2)]
    final = ["final_bn", "final_relu"] if order == "pre" else []
    stem = ["images", "stem_conv", "stem_bn", "stem_relu"]
    assert names == [*stem, *blocks, *final, "pool", "logits"]
    kind = PreActResidualBlock if order == "pre" else ResidualBlock
    assert all(type(model.get_layer(name)) is kind for name in blocks)


def test_only_the_first_block_starts_with_a_bare_convolution():
    model = built(ModelConfig(num_residual_blocks=2, order="pre"))
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
    model = built(ModelConfig(num_residual_blocks=2))
    strides = {b.name: b.strides for b in model.layers if hasattr(b, "shortcut")}
    assert [name for name, value in strides.items() if value == 2] == [
        "stage2_block1",
        "stage3_block1",
    ]


def test_settings_reach_every_layer():
    config = ModelConfig(
        num_residual_blocks=1, bn_epsilon=1e-3, bn_momentum=0.5, bn_eval="batch"
    )
    model = built(config)
    norms = [x for x in model._flatten_layers() if isinstance(x, BatchNorm)]
    assert len(norms) == 7
    settings = {(x.momentum, x.epsilon, x.evaluation) for x in norms}
    assert settings == {(0.5, 1e-3, "batch")}


def test_with_bn_eval_batch_logits_depend_on_the_batch(images):
    for bn_eval, depends in (("moving", False), ("batch", True)):
        model = built(ModelConfig(num_residual_blocks=1, bn_eval=bn_eval))
        alone, together = model(images[:1]).numpy(), model(images).numpy()[:1]
        assert np.allclose(alone, together, atol=1e-4) != depends


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_logits_are_float32_and_finite(dtype, images):
    model = built(ModelConfig(num_residual_blocks=1), dtype=dtype)
    logits = model(images).numpy()
    assert logits.dtype == "float32" and np.isfinite(logits).all()
    assert model.get_layer("stage1_block1").compute_dtype == dtype.removeprefix(
        "mixed_"
    )


def test_another_familys_config_is_refused():
    with pytest.raises(ValueError, match="config.model must be resnet"):
        build_resnet(ModelConfig(model="densenet"))
