import pytest

from resnet_tf import ModelConfig, build_densenet
from tests.models.counts import count

BC = {"bottleneck": True, "compression": 0.5}


def config(**settings) -> ModelConfig:
    return ModelConfig(model="densenet", **settings)


# Counts by own arithmetic. test_networks.py counts the registered networks.
@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        # The authors' code with compression but without bottleneck, see
        # https://github.com/liuzhuang13/DenseNet/issues/14.
        ({"depth": 40, "stem_filters": 24, "compression": 0.5}, 599_050),
        ({"depth": 40, "num_classes": 100}, 1_019_722 + 90 * (448 + 1)),
        # Stem, 3 layers of BN and 3x3, two transitions, final BN, head.
        (
            {"depth": 7, "growth_rate": 4, "stem_filters": 8},
            27 * 8
            + (2 * 8 + 36 * 8)
            + (2 * 12 + 12 * 12)
            + (2 * 12 + 36 * 12)
            + (2 * 16 + 16 * 16)
            + (2 * 16 + 36 * 16)
            + 2 * 20
            + 20 * 10
            + 10,
        ),
    ],
)
def test_exact_parameter_counts(settings, parameters):
    model = build_densenet(config(**settings))
    assert count(model.trainable_weights) == parameters


def test_the_shape_after_every_stage(images):
    model = build_densenet(config(), features=True)
    shapes = {name: tuple(x.shape) for name, x in model(images[:2]).items()}
    assert shapes == {
        "stem": (2, 32, 32, 16),
        "stage1": (2, 32, 32, 160),
        "stage2": (2, 16, 16, 304),
        "stage3": (2, 8, 8, 448),
        "logits": (2, 10),
    }


def test_the_shape_after_every_stage_with_bottleneck_and_compression():
    model = build_densenet(config(depth=40, **BC), features=True)
    assert {name: tuple(x.shape[1:]) for name, x in model.output.items()} == {
        "stem": (32, 32, 24),
        "stage1": (32, 32, 24 + 6 * 12),
        "stage2": (16, 16, 48 + 6 * 12),
        "stage3": (8, 8, 60 + 6 * 12),
        "logits": (10,),
    }


def test_every_dense_layer_adds_k_channels():
    model = build_densenet(config(depth=13, growth_rate=5))
    layers = [model.get_layer(f"stage1_layer{i}") for i in (1, 2, 3)]
    widths = [[maps.shape[-1] for maps in layer.output] for layer in layers]
    assert widths == [[16, 5], [16, 5, 5], [16, 5, 5, 5]]
    assert model.get_layer("transition1").output.shape[1:] == (16, 16, 31)
    assert "transition3" not in [layer.name for layer in model.layers]


def test_stem_filters():
    model = build_densenet(config(depth=7, stem_filters=24))
    assert model.get_layer("stem_conv").filters == 24


def test_names():
    assert build_densenet(config(depth=7)).name == "densenet7_k12"
    assert build_densenet(config(depth=10, **BC)).name == "densenet_bc10_k12"
    stem24 = build_densenet(config(depth=7, stem_filters=24))
    assert stem24.name == "densenet7_k12_stem24"


def test_another_familys_config_is_refused():
    with pytest.raises(ValueError, match="config.model must be densenet"):
        build_densenet(ModelConfig())
