import dataclasses
import json

import pytest

import resnet_tf
from resnet_tf import ModelConfig, build_model, list_models
from resnet_tf.config import FAMILIES, NETWORKS, named_network
from resnet_tf.errors import SettingError
from resnet_tf.models import registry, uva
from tests.models.counts import count


def test_a_network_needs_only_a_row_and_a_builder(monkeypatch):
    row = dataclasses.replace(FAMILIES["resnet"], builder="uva:build_new")
    families = {**FAMILIES, "resnet": row}
    monkeypatch.setattr(registry, "FAMILIES", families)
    builder = lambda config, **form: (config.layers_deep, form["features"])  # noqa: E731
    monkeypatch.setattr(uva, "build_new", builder, raising=False)
    assert build_model("resnet20", features=True) == (20, True)


def test_list_models_gives_new_lists_of_names():
    names = list_models()
    assert {"resnet20", "uva_googlenet"} < set(names)
    names.clear()
    assert resnet_tf.list_models() == list(NETWORKS)


@pytest.mark.parametrize("name", list_models())
def test_the_config_of_a_name_survives_json(name):
    config = named_network(name, num_classes=100, bn_epsilon=1e-3)
    again = ModelConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
    assert again == config and again.num_classes == 100


@pytest.mark.parametrize("name", ["resnet20", "uva_resnet", "resnet18_cifar"])
def test_a_name_and_its_config_give_the_same_network(name):
    by_name, by_config = build_model(name), build_model(named_network(name))
    assert by_name.name == by_config.name == name
    paths = [[w.path for w in model.weights] for model in (by_name, by_config)]
    assert paths[0] == paths[1]


def test_values_change_a_named_network():
    model = build_model("resnet20", num_classes=100, order="pre", shortcut="B")
    assert count(model.trainable_weights) == 269_722 + 5_850 + 2_752
    assert "final_bn" in [layer.name for layer in model.layers]


def test_features_and_dtype_reach_the_builder():
    model = build_model("uva_resnet", features=True, dtype="mixed_bfloat16")
    assert list(model.output) == ["stem", "stage1", "stage2", "stage3", "logits"]
    assert model.get_layer("stage2_block1").compute_dtype == "bfloat16"


def test_an_unknown_name_lists_similar_names():
    with pytest.raises(SettingError, match="unknown network 'resnet21'.*resnet20"):
        build_model("resnet21")


def test_a_value_of_another_network_is_refused():
    with pytest.raises(SettingError) as caught:
        build_model("resnet110", num_residual_blocks=3)
    assert str(caught.value) == (
        "num_residual_blocks must be 18 for model=resnet110, received 3"
    )


def test_values_with_a_config_are_refused():
    with pytest.raises(SettingError, match="values go with a network's name only"):
        build_model(ModelConfig(), num_classes=5)
