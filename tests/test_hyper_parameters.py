import pytest
from absl import flags

import hyper_parameters
from resnet_tf.cli import train
from resnet_tf.cli.settings import experiment, given_settings
from resnet_tf.config import RECIPES, ExperimentConfig, iter_settings
from resnet_tf.errors import SettingError


@pytest.fixture
def parse():
    """Returns a function from arguments to a config, with separate flag values."""

    def make(*arguments):
        values = flags.FlagValues()
        hyper_parameters.define(train, values)
        values(["train.py", *arguments])
        given = hyper_parameters.namespace(train, values)
        return experiment(given_settings(given), given.recipe)

    return make


def test_one_flag_per_setting_with_its_help():
    values = flags.FlagValues()
    hyper_parameters.define(train, values)
    assert set(values) - {"recipe", "run_dir"} == {s.name for s in iter_settings()}
    for spec in iter_settings():
        assert spec.help in values[spec.name].help


def test_the_defaults_come_from_the_default_recipe(parse):
    assert parse() == ExperimentConfig.from_flat({}, "wenxinxu")
    values = flags.FlagValues()
    hyper_parameters.define(train, values)
    for name, value in RECIPES["wenxinxu"].items():
        assert values[name].default == value


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--num_residual_blocks=18", "num_residual_blocks", 18),
        ("--init_lr=0.25", "init_lr", 0.25),
        ("--nesterov", "nesterov", True),
        ("--noflip", "flip", False),
        ("--order=post", "order", "post"),
        ("--validation_size=0", "validation_size", 0),
        ("--nodownload", "download", False),
        ("--data_dir=/x", "data_dir", "/x"),
    ],
)
def test_every_kind_of_flag(parse, argument, name, value):
    config = parse(argument)
    spec = next(spec for spec in iter_settings() if spec.name == name)
    assert getattr(getattr(config, spec.section), name) == value


def test_numbers_separated_by_commas(parse):
    config = parse("--normalization=mean_std", "--channel_mean=0.4,0.5,0.6")
    assert config.data.channel_mean == (0.4, 0.5, 0.6)


def test_an_explicit_flag_overrides_the_recipe(parse):
    config = parse("--recipe=onecycle", "--weight_decay=0.0002")
    assert config.optimizer.weight_decay == 0.0002
    assert config.optimizer.schedule == "onecycle"


def test_a_recipe_overrides_the_shown_defaults(parse):
    assert parse("--recipe=onecycle").train.train_steps == 10_547


@pytest.mark.parametrize(
    "arguments",
    [
        ("--growth_rate=12",),
        ("--model=densenet", "--num_residual_blocks=5"),
        ("--recipe=densenet2017", "--order=pre"),
    ],
)
def test_flags_of_the_other_family_are_refused_even_at_their_default(parse, arguments):
    with pytest.raises(SettingError, match="belongs to model="):
        parse(*arguments)
