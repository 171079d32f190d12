import dataclasses
import json

import pytest

from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.resolve import pretrained_root
from resnet_tf.config import (
    DATASETS,
    NETWORKS,
    RECIPES,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    differences,
    folder_info,
    iter_fields,
    named_network,
    recipe_values,
)
from resnet_tf.config.derived import in_epochs
from resnet_tf.config.fields import REQUIRED
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
def test_every_recipe_works_with_both_families(recipe, model):
    config = ExperimentConfig.from_flat({"model": model}, recipe)
    assert config.model.model == model


def test_an_explicit_setting_overrides_the_recipe():
    config = ExperimentConfig.from_flat({"init_lr": 0.3}, "onecycle")
    assert config.optimizer.init_lr == 0.3
    assert config.optimizer.nesterov is recipe_values("onecycle")["nesterov"] is True


def test_epochs_become_steps_once():
    config = ExperimentConfig.from_flat({"train_epochs": 30})
    assert config.train.train_steps == 10_547  # 30 * 45,000 / 128 = 10,546.9
    assert "train_epochs" not in json.dumps(config.to_dict())
    halves = {"validation_size": 0, "train_batch_size": 100, "decay_epoch0": 1.5}
    config = ExperimentConfig.from_flat(halves)
    assert config.optimizer.decay_step0 == 750


def test_steps_and_epochs_replace_each_other():
    by_epochs = ExperimentConfig.from_flat({}, "article34")
    assert by_epochs.train.train_steps == 105_469  # 300 * 45,000 / 128
    assert (by_epochs.optimizer.decay_step0, by_epochs.optimizer.decay_step1) == (
        52_734,
        79_102,
    )
    steps = ExperimentConfig.from_flat({"train_steps": 7}, "article34")
    assert (steps.train.train_steps, steps.optimizer.decay_step0) == (7, 52_734)
    epochs = ExperimentConfig.from_flat({"train_epochs": 1}, "he2015")
    assert (epochs.train.train_steps, epochs.optimizer.decay_step0) == (352, 32_000)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_registered_name_stands_for_its_network(name):
    config = ExperimentConfig.from_flat({"model": name})
    named = named_network(name)
    for field, value in NETWORKS[name].values.items():
        assert getattr(config.model, field) == getattr(named, field) == value
    assert config.data.image_size == (
        224 if name in ("resnet18", "densenet121") else 32
    )


@pytest.mark.parametrize(
    ("recipe", "settings", "expected"),
    [
        ("wenxinxu", {}, ("pre", "A-pool", "end")),
        ("onecycle", {}, ("pre", "A-pool", "end")),
        ("he2015", {}, ("post", "A-append", "both")),
        ("he2015", {"model": "resnet110"}, ("post", "A-append", "both")),
        ("onecycle", {"model": "resnet20"}, ("post", "A-append", "both")),
        ("wenxinxu", {"model": "resnet20"}, ("post", "A-append", "both")),
        (
            "wenxinxu",
            {"model": "resnet20", "order": "pre"},
            ("pre", "A-append", "both"),
        ),
        (
            "wenxinxu",
            {"model": "resnet20", "shortcut": "A-pool", "stride_padding": "end"},
            ("post", "A-pool", "end"),
        ),
        ("akamaster", {"model": "resnet20"}, ("post", "A-subsample", "both")),
        ("akamaster", {"model": "preact164"}, ("pre", "B", "both")),
        ("akamaster", {"model": "resnet20", "shortcut": "B"}, ("post", "B", "both")),
    ],
)
def test_a_name_replaces_the_network_of_a_recipe(recipe, settings, expected):
    model = ExperimentConfig.from_flat(settings, recipe).model
    assert (model.order, model.shortcut, model.stride_padding) == expected


@pytest.mark.parametrize(
    ("recipe", "settings", "steps"),
    [
        ("he2015", {"model": "resnet56"}, 0),
        ("he2015", {"model": "resnet110"}, 400),
        ("he2015", {"num_residual_blocks": 18}, 400),
        ("he2015", {"num_residual_blocks": 18, "warmup_steps": 7}, 7),
        ("he2015", {"model": "densenet121_cifar"}, 0),
        ("akamaster", {"model": "resnet1202"}, 391),
        ("akamaster", {"model": "resnet1202", "validation_size": 5000}, 352),
        ("wenxinxu", {"model": "resnet110"}, 0),
    ],
)
def test_deep_networks_warm_up_as_in_the_source(recipe, settings, steps):
    optimizer = ExperimentConfig.from_flat(settings, recipe).optimizer
    assert (optimizer.warmup_steps, optimizer.warmup_lr) == (steps, 0.01)


def test_settings_of_a_switch_that_is_off_are_left_out():
    whitened = ExperimentConfig.from_flat({"normalization": "whitening"}, "akamaster")
    assert whitened.data.channel_mean is None
    cosine = ExperimentConfig.from_flat({"schedule": "cosine"}, "article34")
    assert cosine.optimizer.decay_step0 == OptimizerConfig().decay_step0
    small = ExperimentConfig.from_flat({"model": "resnet20"}, "finetune224")
    assert (small.data.image_size, small.data.resize) == (32, None)
    large = ExperimentConfig.from_flat({"model": "densenet121"}, "finetune224")
    assert (large.data.image_size, large.data.resize) == (224, 256)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_alone_sets_every_field_that_it_states(recipe):
    """Without a model, only the settings of switches that are off are dropped."""
    stated = dict(RECIPES[recipe])
    flat = ExperimentConfig.from_flat({}, recipe).flat()
    specs = {spec.name: spec for spec in iter_fields()}
    updates = (50_000 - flat["validation_size"]) / 128
    if stated["train_batch_size"] == 64:
        updates *= 2
    if stated["drop_last"]:
        updates = int(updates)
    if recipe == "finetune224":
        updates *= 4
    for name in ("train", "decay0", "decay1"):
        epochs, steps = {
            "train": ("train_epochs", "train_steps"),
            "decay0": ("decay_epoch0", "decay_step0"),
            "decay1": ("decay_epoch1", "decay_step1"),
        }[name]
        if epochs in stated:
            stated[steps] = int(stated.pop(epochs) * updates + 0.5)
    for name, value in stated.items():
        spec = specs[name]
        if not spec.applies_to(stated.get("model", "resnet")):
            assert name not in flat, name
            continue
        off = spec.needs and flat[spec.needs[0]] != spec.needs[1]
        expected = spec.default if off else value
        expected = list(expected) if isinstance(expected, tuple) else expected
        assert flat[name] == expected, name


def test_finetune224_resizes_with_and_without_a_model():
    for given in ({}, {"model": "resnet18"}, {"model": "densenet121"}):
        data = ExperimentConfig.from_flat(given, "finetune224").data
        assert (data.resize, data.image_size) == (256, 224)


def test_an_alternating_flip_needs_a_flip():
    settings = {"flip_order": "alternating"}
    assert ExperimentConfig.from_flat(settings).data.flip_order == "alternating"
    info = folder_info(num_classes=3, num_train=95)
    folder = ExperimentConfig.from_flat({**settings, "dataset": "folder"}, info=info)
    assert (folder.data.flip, folder.data.flip_order) == (True, "alternating")


def test_an_explicit_padded_crop_needs_padding():
    data = ExperimentConfig.from_flat({"crop": "padded"}, "uvadlc_sgd").data
    assert (data.crop, data.padding_size) == ("padded", 4)
    none = {"crop": "padded", "padding_size": 0}
    assert ExperimentConfig.from_flat(none, "uvadlc_sgd").data.padding_size == 0
    with pytest.raises(SettingError) as caught:
        ExperimentConfig.from_flat({"crop": "padded"}, "finetune224")
    assert str(caught.value) == (
        "padding_size must be given for crop=padded with recipe=finetune224, whose "
        "own is 0, received none"
    )


def test_drop_last_ends_an_epoch_at_its_last_full_batch():
    config = ExperimentConfig.from_flat({}, "uvadlc_sgd")
    assert config.train.train_steps == 63_180  # 180 * 351
    steps = (config.optimizer.decay_step0, config.optimizer.decay_step1)
    assert steps == (35_100, 52_650)
    window = ExperimentConfig.from_flat({"sampling": "window"}, "uvadlc_sgd")
    assert (window.train.train_steps, window.data.drop_last) == (63_281, False)


def test_the_epochs_of_a_history_are_those_of_the_settings():
    for recipe, epochs in (("uvadlc_sgd", 180), ("akamaster", 200)):
        config = ExperimentConfig.from_flat({}, recipe)
        images = 50_000 - config.data.validation_size
        found = in_epochs(config.train.train_steps, images, 128, config.data.drop_last)
        assert found == epochs
    assert in_epochs(351, 45_000, 128, True) == 1


@pytest.mark.parametrize("duration", [{}, {"train_steps": 9, "decay_epoch0": 0}])
def test_drop_last_needs_a_full_batch(duration):
    settings = {"train_batch_size": 1258, "dataset": "digits", **duration}
    with pytest.raises(SettingError) as caught:
        ExperimentConfig.from_flat(settings, "uvadlc_sgd")
    assert str(caught.value) == (
        "train_batch_size must be at most the 1257 training images with drop_last, "
        "received 1258"
    )


def test_configs_from_before_the_shortcut_was_named_still_average_pool():
    config = read_config(pretrained_root() / "model_20" / "config.json")
    model = config.model
    assert (model.shortcut, model.stride_padding) == ("A-pool", "end")
    assert (model.head_initializer, model.head_bias) == ("fan_in_normal", "zeros")
    assert (config.data.padding_color, config.data.drop_last) == ("black", False)


def test_the_two_kinds_of_warm_up_replace_each_other():
    settings = {"num_residual_blocks": 18, "warmup_fraction": 0.1}
    optimizer = ExperimentConfig.from_flat(settings, "he2015").optimizer
    assert (optimizer.warmup_steps, optimizer.warmup_fraction) == (0, 0.1)
    optimizer = ExperimentConfig.from_flat({"warmup_epochs": 1}, "onecycle").optimizer
    assert (optimizer.warmup_steps, optimizer.warmup_fraction) == (352, 0.0)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [("modern", {"warmup_epochs": 1}), ("he2015", {"model": "resnet110"})],
)
def test_the_rate_of_a_warm_up(recipe, settings):
    settings = {**settings, "warmup_lr": 0.5}
    assert ExperimentConfig.from_flat(settings, recipe).optimizer.warmup_lr == 0.5


def test_bottlenecks_set_their_block():
    model = ExperimentConfig.from_flat({"bottleneck": True}).model
    assert (model.order, model.shortcut, model.layers_deep) == ("pre", "B", 47)
    settings = {"model": "densenet", "depth": 100, "bottleneck": True}
    assert ExperimentConfig.from_flat(settings).model.layers_deep == 100


def test_epochs_need_a_data_set_of_known_size():
    settings = {"dataset": "folder", "validation_size": 5, "num_classes": 3}
    with pytest.raises(SettingError, match="needs the number of training images"):
        ExperimentConfig.from_flat(settings, "finetune224")


def test_a_folder_gives_its_own_numbers():
    info = folder_info(num_classes=3, num_train=95)
    config = ExperimentConfig.from_flat(
        {"dataset": "folder", "train_epochs": 2, "train_batch_size": 10},
        "article34",
        info,
    )
    assert (config.model.num_classes, config.data.validation_size) == (3, 9)
    assert config.train.train_steps == 17  # 2 * 86 / 10
    assert ExperimentConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("settings", "info", "message"),
    [
        (
            {"validation_size": 50_000},
            None,
            "validation_size must be below the 50000 images of cifar10, received 50000",
        ),
        (
            {"dataset": "folder", "validation_size": 1000},
            folder_info(num_classes=2, num_train=450),
            "validation_size must be below the 450 images of folder, received 1000",
        ),
    ],
)
def test_epochs_need_images_to_train_on(settings, info, message):
    with pytest.raises(SettingError) as caught:
        ExperimentConfig.from_flat(settings, "modern", info)
    assert str(caught.value) == message


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


@pytest.mark.parametrize("dataset", [x for x in DATASETS if DATASETS[x].info])
def test_defaults_of_each_data_set(dataset):
    data = DataConfig(dataset=dataset, normalization="mean_std")
    info = DATASETS[dataset].info
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
    (
        {"trainsteps": 5},
        "unknown setting 'trainsteps'; did you mean train_steps, train_epochs, "
        "profile_steps",
    ),
    (
        {"model": "resnet21"},
        "unknown model 'resnet21'; did you mean resnet32, resnet20, resnet18",
    ),
    (
        {"model": "resnet20", "num_residual_blocks": 5},
        "num_residual_blocks must be 3 for model=resnet20, received 5",
    ),
    (
        {"model": "uva_resnet", "shortcut": "B"},
        "shortcut belongs to model=resnet, received model=uva_resnet",
    ),
    (
        {"model": "preact164", "shortcut": "A-pool"},
        "shortcut must be B with bottleneck, received A-pool",
    ),
    (
        {"train_epochs": 3, "train_steps": 5},
        "train_epochs cannot be given with train_steps=5, received 3.0",
    ),
    ({"train_epochs": -1}, "train_epochs must be at least 0.0, received -1.0"),
    (
        {"train_epochs": 0},
        "train_epochs must be at least one update, 0.00284 epochs here, received 0.0",
    ),
    (
        {"image_size": 100},
        "image_size must be 32 or a larger multiple of 16 for model=resnet, "
        "received 100",
    ),
    (
        {"image_size": 16},
        "image_size must be 32 or a larger multiple of 16 for model=resnet, "
        "received 16",
    ),
    (
        {"model": "resnet18", "image_size": 256},
        "image_size must be 224 for model=resnet18, received 256",
    ),
    ({"resize": 16}, "resize must be from image_size=32 to twice that, received 16"),
    (
        {"crop": "resized", "crop_scale": (0.9, 0.8)},
        "crop_scale must be two rising numbers above 0 and at most 1.0, received "
        "(0.9, 0.8)",
    ),
    (
        {"dataset": "folder"},
        "validation_size must be given for dataset=folder, received none",
    ),
    ({"cutout": 32}, "cutout must be below image_size=32, received 32"),
    (
        {"flip_order": "alternating", "flip": False},
        "flip_order needs flip=true, received false",
    ),
    (
        {"flip_order": "alternating", "dataset": "digits"},
        "flip_order needs flip=true, received false",
    ),
    (
        {"flip_order": "alternating", "sampling": "window"},
        "flip_order=alternating needs sampling=permutation, received window",
    ),
    ({"mixup": 0.2, "cutmix": 1}, "cutmix must be 0 with mixup=0.2, received 1.0"),
    (
        {"cutmix_probability": 0.5},
        "cutmix_probability needs cutmix above 0, received 0",
    ),
    ({"erasing": 1.5}, "erasing must be at most 1, received 1.5"),
    (
        {"auto_augment": "autoaugment"},
        "auto_augment must be one of none, trivialaugment, randaugment, received "
        "'autoaugment'",
    ),
    (
        {"auto_augment": "trivialaugment", "randaugment_strength": 5},
        "randaugment_strength needs auto_augment=randaugment, received trivialaugment",
    ),
    ({"resize": 65}, "resize must be from image_size=32 to twice that, received 65"),
    (
        {"crop_ratio": (0.5, 2.0)},
        "crop_ratio needs crop=resized, received padded",
    ),
    (
        {"crop": "resized", "padding_size": 4},
        "padding_size needs crop=padded, received resized",
    ),
    (
        {"schedule": "cosine", "decay_epoch0": 3},
        "decay_epoch0 needs schedule=step, received cosine",
    ),
    (
        {"warmup_steps": 9, "train_steps": 9},
        "warmup_steps must be below train_steps=9, received 9",
    ),
    ({"warmup_lr": 0.5}, "warmup_lr needs warmup_steps above 0, received 0"),
    (
        {"warmup_lr": 0.5, "warmup_fraction": 0.1},
        "warmup_lr needs warmup_steps above 0, received 0",
    ),
    ({"init_from": ""}, "init_from must not be empty, received nothing"),
    (
        {"freeze": "backbone"},
        "freeze needs init_from, received freeze=backbone alone",
    ),
    (
        {"optimizer": "muon", "nesterov": True},
        "nesterov needs optimizer=sgd, received muon",
    ),
    ({"sgd_lr": 0.2}, "sgd_lr needs optimizer=muon, received sgd"),
    ({"bias_rate_factor": 0}, "bias_rate_factor must be above 0, received 0.0"),
    ({"ema_decay": 1}, "ema_decay must be below 1, received 1.0"),
    ({"ema_every": 2}, "ema_every needs ema_decay above 0, received 0"),
    (
        {"ema_decay": 0.9, "ema_every": 392},
        "ema_every must be at most 391, the updates before the first report, received "
        "392",
    ),
    ({"lookahead": -1}, "lookahead must be at least 0, received -1"),
    ({"lookahead_share": 0.4}, "lookahead_share needs lookahead above 0, received 0"),
    (
        {"teacher_share": 0.5},
        "teacher_share needs teacher, received 0.5 alone",
    ),
    (
        {"teacher_temperature": 1.0},
        "teacher_temperature needs teacher, received 1.0 alone",
    ),
    (
        {"teacher": "x", "teacher_share": 0},
        "teacher_share must be above 0, received 0.0",
    ),
    (
        {"zero_init_residual": True, "shortcut": "none"},
        "zero_init_residual needs a shortcut, received zero_init_residual=True with "
        "shortcut=none",
    ),
    (
        {"stochastic_depth": 0.5, "shortcut": "none"},
        "stochastic_depth needs a shortcut, received stochastic_depth=0.5 with "
        "shortcut=none",
    ),
    ({"stochastic_depth": 1}, "stochastic_depth must be below 1, received 1.0"),
    (
        {"optimizer": "adamw", "nesterov": True},
        "nesterov needs optimizer=sgd, received adamw",
    ),
    (
        {"warmup_steps": 5, "warmup_fraction": 0.1},
        "warmup_steps must be 0 with a warmup_fraction, received 5",
    ),
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
        "channel_std must be three numbers from 0 to 1, received (1.0, 1.0)",
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


@pytest.mark.parametrize("recipe", ["wenxinxu", "densenet2017", "uvadlc_sgd"])
def test_only_settings_newer_than_the_file_can_be_missing(recipe):
    config = ExperimentConfig.from_flat({}, recipe)
    whole = config.to_dict()
    for spec in iter_fields():
        if spec.name not in whole[spec.section]:
            continue
        part = {k: v for k, v in whole[spec.section].items() if k != spec.name}
        less = {**whole, spec.section: part}
        if spec.was is REQUIRED:
            with pytest.raises(
                SettingError, match=f"must have the setting {spec.name}|belongs to"
            ):
                ExperimentConfig.from_dict(less)
        elif getattr(getattr(config, spec.section), spec.name) == spec.was:
            assert ExperimentConfig.from_dict(less) == config


def test_every_released_config_keeps_its_meaning():
    config = read_config(pretrained_root() / "model_20" / "config.json")
    assert (config.model.shortcut, config.model.stride_padding) == ("A-pool", "end")
    assert (config.model.bottleneck, config.model.bn_eval) == (False, "moving")
    assert (config.data.sampling, config.data.crop) == ("permutation", "padded")
    assert (config.data.cutout, config.data.mixup) == (0, 0.0)
    assert config.optimizer.optimizer == "sgd"
    assert (config.optimizer.warmup_steps, config.train.init_from) == (0, None)


def test_sections_check_themselves():
    with pytest.raises(SettingError, match="growth_rate belongs to model=densenet"):
        ModelConfig(growth_rate=24)
    with pytest.raises(SettingError, match="flip_order=alternating needs flip=true"):
        DataConfig(flip_order="alternating", flip=False)
    assert OptimizerConfig(init_lr=1).init_lr == 1.0
    assert TrainConfig(seed=3).seed == 3
