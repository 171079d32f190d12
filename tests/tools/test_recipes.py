import pytest
import recipes

from resnet_tf.config import RECIPES

FACTS = recipes.read()


def test_every_recipe_has_a_section():
    assert list(FACTS) == list(RECIPES)
    lines = recipes.recipes().splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == [f"## {name}" for name in RECIPES]


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_has_its_source(name):
    """Each setting that differs from the default of its field needs a source."""
    sources = FACTS[name]["settings"]
    assert [key for key in recipes.own_settings(name) if not sources.get(key)] == []


@pytest.mark.parametrize("name", RECIPES)
def test_every_source_belongs_to_a_setting_of_the_recipe(name):
    assert set(FACTS[name]["settings"]) <= set(RECIPES[name])


def test_the_values_come_from_the_recipes():
    section = recipes.recipes().partition("## densenet2017\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line[:3] == "| `"]
    values = {row[0].strip("| `"): row[1] for row in rows}
    assert set(values) == set(FACTS["densenet2017"]["settings"])
    assert (values["decay_epoch0"], values["decay_epoch1"]) == ("149", "224")
    assert (values["padding_color"], values["validation_size"]) == ("mean", "0")
