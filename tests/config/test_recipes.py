import hashlib
import json
import re

import pytest

from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.resolve import pretrained_names, pretrained_root
from resnet_tf.config import (
    RECIPES,
    ExperimentConfig,
    differences,
    iter_fields,
    recipe_source,
    recipe_values,
)
from resnet_tf.config.derived import STEPS_OF
from resnet_tf.config.recipes import OPEN


def test_the_recipes():
    assert list(RECIPES) == [
        "wenxinxu",
        "he2015",
        "akamaster",
        "densenet2017",
        "densenet2017_noaug",
        "uvadlc_sgd",
        "uvadlc_adamw",
        "article34",
        "finetune224",
        "modern",
        "onecycle",
        "quickstart",
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_states_every_setting_that_is_not_open(recipe):
    settings = {spec.name for spec in iter_fields() if not spec.local} - OPEN
    stated = {STEPS_OF.get(name, name) for name in RECIPES[recipe]}
    assert len(stated) == len(RECIPES[recipe])
    assert settings <= stated <= settings | OPEN


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_its_source(recipe):
    source = r"https://|He et al\. 2015|Huang et al\. 2017|UvA|Ours:"
    assert re.search(source, recipe_source(recipe))


# Rate, batch, decay, decaying weights, epochs or updates, and drops in the sources.
VALUES = {
    "wenxinxu": (0.1, 128, 2e-4, "kernels_and_head", 80_000, 40_000, 60_000),
    "he2015": (0.1, 128, 1e-4, "all", 64_000, 32_000, 48_000),
    "akamaster": (0.1, 128, 1e-4, "all", 200, 100, 150),
    "densenet2017": (0.1, 64, 1e-4, "all", 300, 149, 224),
    "uvadlc_sgd": (0.1, 128, 1e-4, "all", 180, 100, 150),
    "uvadlc_adamw": (1e-3, 128, 1e-4, "all", 180, 100, 150),
    "article34": (0.1, 128, 5e-4, "all", 300, 150, 225),
}


@pytest.mark.parametrize("recipe", VALUES)
def test_the_values_of_the_sources(recipe):
    values = RECIPES[recipe]
    names = ["init_lr", "train_batch_size", "weight_decay", "weight_decay_on"]
    in_steps = ["train_steps", "decay_step0", "decay_step1"]
    in_epochs = ["train_epochs", "decay_epoch0", "decay_epoch1"]
    names += in_steps if "train_steps" in values else in_epochs
    assert tuple(values[name] for name in names) == VALUES[recipe]


def test_a_recipe_cannot_be_changed():
    with pytest.raises(TypeError):
        RECIPES["onecycle"]["init_lr"] = 1.0
    recipe_values("onecycle")["init_lr"] = 1.0
    assert recipe_values("onecycle")["init_lr"] == 0.2


def test_the_paper_recipes():
    he = ExperimentConfig.from_flat({}, "he2015")
    assert (he.model.order, he.optimizer.weight_decay) == ("post", 1e-4)
    assert (he.optimizer.decay_step0, he.optimizer.decay_step1) == (32_000, 48_000)
    huang = ExperimentConfig.from_flat({}, "densenet2017")
    assert huang.data.validation_size == 0
    assert huang.train.train_steps == 234_375  # 300 * 50,000 / 64
    # The authors' code drops the rate at the start of epochs 150 and 225.
    assert huang.optimizer.decay_step0 == round(149 * 50_000 / 64)
    assert huang.optimizer.decay_step1 == 175_000  # 224 * 50,000 / 64
    assert (he.model.shortcut, he.model.stride_padding) == ("A-append", "both")


# Initial values of the head's kernel and bias, and color of the crop's border.
BORDERS_AND_HEADS = {
    "wenxinxu": ("fan_in_normal", "zeros", "black"),
    "he2015": ("fan_in_uniform", "zeros", "mean"),
    "akamaster": ("he_fan_in", "fan_in_uniform", "black"),
    "densenet2017": ("fan_in_uniform", "zeros", "mean"),
    "article34": ("fan_in_uniform", "fan_in_uniform", "black"),
    "onecycle": ("fan_in_normal", "zeros", "black"),
}


@pytest.mark.parametrize("recipe", BORDERS_AND_HEADS)
def test_borders_and_heads_of_the_sources(recipe):
    names = ("head_initializer", "head_bias", "padding_color")
    flat = ExperimentConfig.from_flat({}, recipe).flat()
    assert tuple(flat[name] for name in names) == BORDERS_AND_HEADS[recipe]


def test_the_column_without_augmentation():
    one, other = (
        ExperimentConfig.from_flat({}, name)
        for name in ("densenet2017", "densenet2017_noaug")
    )
    assert differences(one, other) == {
        "recipe": ("densenet2017", "densenet2017_noaug"),
        "dropout_rate": (0.0, 0.2),
        "padding_size": (4, 0),
        "flip": (True, False),
    }
    resnet = ExperimentConfig.from_flat({"model": "resnet20"}, "densenet2017_noaug")
    assert "dropout_rate" not in resnet.flat()


def test_onecycle_is_thirty_epochs():
    config = ExperimentConfig.from_flat({}, "onecycle")
    assert config.train.train_steps == -(-30 * 45_000 // 128)


# The SHA-256 of each recipe that a released model names; it never changes. Fields newer
# than the recipe are left out if they have their implicit value.
RELEASED = {
    "onecycle": "d4d70d11180d0a14c6c85d22468ac1aa3e3ad93ec40d2e6890f9f8cb7fbc6896"
}

# Settings of released models in addition to the recipe, the network and the growth.
OWN = {
    "model_110": {"cutout", "label_smoothing"},
    "model_densenet40": {"train_steps"},
}


@pytest.mark.parametrize("recipe", RELEASED)
def test_a_released_recipe_stays_as_it_is(recipe):
    was = {spec.name: spec.was for spec in iter_fields()}
    values = {n: v for n, v in RECIPES[recipe].items() if v != was[n]}
    text = json.dumps(values, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest() == RELEASED[recipe]


@pytest.mark.parametrize("name", pretrained_names())
def test_a_released_model_names_a_frozen_recipe(name):
    folder = pretrained_root() / name
    config = read_config(folder / "config.json")
    assert config.recipe in RELEASED
    # The machine chooses the kernels, so no recipe names them.
    network = {"model": config.model.model, "kernels": config.train.kernels}
    assert config.train.kernels == "tensorflow"
    changed = differences(config, ExperimentConfig.from_flat(network, config.recipe))
    growth = {"init_from", "grow", "init_lr", "train_steps"}
    own = set(changed) - (growth if config.train.init_from else set())
    usual = {"num_residual_blocks", "mixed_precision", "seed"}
    assert own <= usual | OWN.get(name, set())
    # The command on the card shows all settings that differ from the recipe.
    words = json.loads((folder / "metrics.json").read_text())["command"].split()
    assert {f"--{key}={value}" for key, (value, _) in changed.items()} <= set(words)
