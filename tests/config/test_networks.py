import dataclasses

import pytest

from resnet_tf.config import FAMILIES, NETWORKS, RECIPES, ModelConfig, iter_fields
from resnet_tf.config.networks import families_with


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rows_of_a_family_share_builder_settings_and_side(name):
    row, first = NETWORKS[name], FAMILIES[NETWORKS[name].family]
    assert (row.builder, row.settings, row.side) == (
        first.builder,
        first.settings,
        first.side,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_names_only_settings_of_its_network(name):
    row = NETWORKS[name]
    assert row.values.keys() - {"model"} <= row.settings
    known = {field.name for field in dataclasses.fields(ModelConfig)}
    assert row.settings <= known
    assert row.recipe is None or row.recipe in RECIPES


def test_the_families_of_a_setting_come_from_the_rows():
    assert families_with("order") == ("resnet",)
    assert families_with("bottleneck") == ("resnet", "densenet")
    assert families_with("memory_efficient") == (
        "densenet",
        "uva_densenet",
        "densenet121_cifar",
        "densenet121",
    )
    for spec in iter_fields():
        if spec.section == "model" and spec.families:
            assert spec.families == families_with(spec.name)


def test_a_row_cannot_be_changed():
    with pytest.raises(TypeError):
        NETWORKS["resnet20"].values["order"] = "pre"
    with pytest.raises(TypeError):
        NETWORKS["resnet21"] = NETWORKS["resnet20"]
