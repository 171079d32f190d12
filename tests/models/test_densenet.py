import pytest

from resnet_tf import ModelConfig, build_densenet
from tests.models.counts import count

BC = {"bottleneck": True, "compression": 0.5}
# Own arithmetic, Huang et al. 2016, table 2.
PARAMETERS = [
    ({"depth": 40, "growth_rate": 12}, 1_019_722),
    ({"depth": 100, "growth_rate": 12}, 6_979_642),
    ({"depth": 100, "growth_rate": 12, **BC}, 769_162),
    ({"depth": 250, "growth_rate": 24, **BC}, 15_324_406),
    ({"depth": 190, "growth_rate": 40, **BC}, 25_624_430),
]


def config(**settings) -> ModelConfig:
    return ModelConfig(model="densenet", **settings)


@pytest.mark.parametrize(("settings", "parameters"), PARAMETERS)
def test_exact_parameter_counts(settings, parameters):
    model = build_densenet(config(**settings))
    assert count(model.trainable_weights) == parameters


def test_the_shape_after_every_stage(images):
    model = build_densenet(config(), features=True)
    shapes = {name: tuple(x.shape) for name, x in model(images).items()}
    assert shapes == {
        "stem": (8, 32, 32, 16),
        "stage1": (8, 32, 32, 160),
        "stage2": (8, 16, 16, 304),
        "stage3": (8, 8, 8, 448),
        "logits": (8, 10),
    }


def test_the_shape_after_every_stage_with_bottleneck_and_compression():
    model = build_densenet(config(depth=100, **BC), features=True)
    assert {name: tuple(x.shape[1:]) for name, x in model.output.items()} == {
        "stem": (32, 32, 24),
        "stage1": (32, 32, 216),
        "stage2": (16, 16, 300),
        "stage3": (8, 8, 342),
        "logits": (10,),
    }


def test_every_dense_layer_adds_k_channels():
    model = build_densenet(config(depth=13, growth_rate=5))
    channels = [model.get_layer(f"stage1_layer{i}").output.shape[-1] for i in (1, 2, 3)]
    assert channels == [21, 26, 31]
    assert model.get_layer("transition1").output.shape[1:] == (16, 16, 31)
    assert "transition3" not in [layer.name for layer in model.layers]


def test_names():
    assert build_densenet(config(depth=7)).name == "densenet7_k12"
    assert build_densenet(config(depth=10, **BC)).name == "densenet_bc10_k12"


def test_another_familys_config_is_refused():
    with pytest.raises(ValueError, match="config.model must be densenet"):
        build_densenet(ModelConfig())
