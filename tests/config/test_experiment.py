import dataclasses
import json

import pytest

from resnet_tf.config import (
    DATASETS,
    RECIPES,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    differences,
    iter_fields,
    recipe_values,
)
from resnet_tf.errors import SettingError


def test_the_defaults_are_the_originals():
    config = ExperimentConfig.from_flat({})
    assert config.recipe == "wenxinxu"
    assert (config.model.model, config.model.num_residual_blocks) == ("resnet", 5)
    assert config.model.order == "pre"
    assert config.model.kernel_initializer == "glorot_uniform"
    assert config.data.dataset == "cifar10"
    assert (config.data.padding_size, config.data.normalization) == (2, "whitening")
    assert (config.train.train_batch_size, config.train.train_steps) == (128, 80_000)
    optimizer = config.optimizer
    assert (optimizer.init_lr, optimizer.lr_decay_factor) == (0.1, 0.1)
    assert (optimizer.decay_step0, optimizer.decay_step1) == (40_000, 60_000)
    assert (optimizer.weight_decay, optimizer.nesterov) == (2e-4, False)


def test_batch_norm_defaults_are_the_fields():
    assert (ModelConfig().bn_momentum, ModelConfig().bn_epsilon) == (0.9, 1e-5)


def test_names_are_unique_across_the_sections():
    names = [spec.name for spec in iter_fields()]
    assert len(names) == len(set(names))


def test_every_setting_has_a_help_of_one_sentence():
    for spec in iter_fields():
        assert spec.help and "\n" not in spec.help, spec.name


@pytest.mark.parametrize("recipe", RECIPES)
def test_json_round_trip_of_every_recipe(recipe):
    config = ExperimentConfig.from_flat({}, recipe)
    text = json.dumps(config.to_dict())
    again = ExperimentConfig.from_dict(json.loads(text))
    assert again == config
    assert again.fingerprint() == config.fingerprint()


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", ["resnet", "densenet"])
def test_every_recipe_serves_both_families(recipe, model):
    config = ExperimentConfig.from_flat({"model": model}, recipe)
    assert config.model.model == model


def test_an_explicit_setting_wins_over_the_recipe():
    config = ExperimentConfig.from_flat({"init_lr": 0.3}, "onecycle")
    assert config.optimizer.init_lr == 0.3
    assert config.optimizer.nesterov is recipe_values("onecycle")["nesterov"] is True


def test_the_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ExperimentConfig().recipe = "other"


def test_local_settings_are_kept_out_of_the_json():
    config = ExperimentConfig.from_flat({"data_dir": "/x", "steps_per_call": 7})
    assert config.data.data_dir == "/x"
    assert config.fingerprint() == ExperimentConfig.from_flat({}).fingerprint()
    assert "data_dir" not in config.to_dict()["data"]


def test_settings_of_the_other_family_are_kept_out_of_the_json():
    assert "growth_rate" not in ExperimentConfig.from_flat({}).to_dict()["model"]
    densenet = ExperimentConfig.from_flat({"model": "densenet"}).to_dict()["model"]
    assert "num_residual_blocks" not in densenet and densenet["growth_rate"] == 12


def test_the_run_name_follows_the_settings():
    config = ExperimentConfig.from_flat({})
    assert config.run_name() == f"resnet-cifar10-{config.fingerprint()[:8]}"
    other = ExperimentConfig.from_flat({"seed": 1})
    assert other.run_name() != config.run_name()


def test_differences_name_the_settings():
    a = ExperimentConfig.from_flat({})
    b = ExperimentConfig.from_flat({"seed": 1, "init_lr": 0.2})
    assert differences(a, b) == {"init_lr": (0.1, 0.2), "seed": (0, 1)}
    assert differences(a, a) == {}


def test_classes_follow_the_data_set():
    assert ExperimentConfig.from_flat({"dataset": "cifar100"}).model.num_classes == 100


@pytest.mark.parametrize("dataset", DATASETS)
def test_defaults_of_each_data_set(dataset):
    data = DataConfig(dataset=dataset, normalization="mean_std")
    info = DATASETS[dataset]
    assert data.validation_size == info.validation_size
    assert (data.flip, data.channel_mean) == (info.flip, info.mean)


WRONG = [
    ({"train_steps": 0}, "train_steps must be at least 1, received 0"),
    ({"train_steps": 1.5}, "train_steps must be an integer, received 1.5"),
    ({"train_steps": True}, "train_steps must be an integer, received True"),
    ({"init_lr": 0}, "init_lr must be above 0, received 0.0"),
    ({"init_lr": float("nan")}, "init_lr must be finite, received nan"),
    ({"init_lr": float("inf")}, "init_lr must be finite, received inf"),
    ({"init_lr": "fast"}, "init_lr must be a number, received 'fast'"),
    ({"nesterov": 1}, "nesterov must be a bool, received 1"),
    ({"schedule": "x"}, "schedule must be one of step, cosine, onecycle, received 'x'"),
    ({"bn_momentum": 1.1}, "bn_momentum must be at most 1, received 1.1"),
    (
        {"compression": 0.5},
        "compression belongs to model=densenet, received model=resnet",
    ),
    (
        {"model": "densenet", "order": "pre"},
        "order belongs to model=resnet, received model=densenet",
    ),
    (
        {"model": "densenet", "depth": 41},
        "depth must be 3m+4 without bottleneck, received 41",
    ),
    (
        {"model": "densenet", "depth": 43, "bottleneck": True},
        "depth must be 6m+4 with bottleneck, received 43",
    ),
    ({"num_classes": 100}, "num_classes must be 10 for dataset=cifar10, received 100"),
    ({"decay_step1": 1}, "decay_step1 must be at least decay_step0=40000, received 1"),
    ({"trainsteps": 5}, "unknown setting 'trainsteps'; did you mean train_steps"),
    (
        {"dataset": "digits", "flip": True},
        "flip must be false for dataset=digits: mirrored images change their "
        "meaning, received true",
    ),
    (
        {"validation_size": 50_000},
        "validation_size must be below the 50000 images of cifar10, received 50000",
    ),
    (
        {"channel_mean": (0.5, 0.5, 0.5)},
        "channel_mean needs normalization=mean_std, received whitening",
    ),
    (
        {"normalization": "mean_std", "channel_std": (1.0, 1.0)},
        "channel_std must be three numbers, received (1.0, 1.0)",
    ),
    (
        {"normalization": "mean_std", "channel_std": (0.0, 1.0, 1.0)},
        "channel_std must be above 0, received (0.0, 1.0, 1.0)",
    ),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_a_wrong_setting_is_one_clear_line(settings, message):
    with pytest.raises(SettingError) as caught:
        ExperimentConfig.from_flat(settings)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


def test_an_unknown_recipe_is_refused():
    with pytest.raises(SettingError, match="unknown recipe 'onecicle'; did you mean"):
        ExperimentConfig.from_flat({}, "onecicle")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "config must be an object"),
        ({}, "recipe must be a name, received None"),
        ({"modle": {}}, "unknown section of the config 'modle'; did you mean model"),
        ({"model": {"widht": 1}}, "unknown setting 'widht'"),
        ({"train": {"train_steps": "5"}}, "train_steps must be an integer"),
        ({"data": {}}, "the config must have the setting dataset"),
        ({"model": 3}, "model of the config must be an object, received 3"),
    ],
)
def test_a_wrong_config_file_is_refused(data, message):
    if isinstance(data, dict) and data:
        whole = ExperimentConfig.from_flat({}).to_dict()
        data = {**whole, **{k: _merged(whole.get(k), v) for k, v in data.items()}}
    with pytest.raises(SettingError, match=message):
        ExperimentConfig.from_dict(data)


def _merged(old, new):
    return {**old, **new} if new and isinstance(new, dict) and old else new


@pytest.mark.parametrize("recipe", ["wenxinxu", "densenet2017"])
def test_no_setting_of_a_config_file_may_be_missing(recipe):
    whole = ExperimentConfig.from_flat({}, recipe).to_dict()
    for section, part in whole.items():
        for name in part if isinstance(part, dict) else ():
            less = {k: v for k, v in part.items() if k != name}
            with pytest.raises(
                SettingError, match=f"must have the setting {name}|belongs to model"
            ):
                ExperimentConfig.from_dict({**whole, section: less})


def test_sections_check_themselves():
    with pytest.raises(SettingError, match="growth_rate belongs to model=densenet"):
        ModelConfig(growth_rate=24)
    assert OptimizerConfig(init_lr=1).init_lr == 1.0
    assert TrainConfig(seed=3).seed == 3
