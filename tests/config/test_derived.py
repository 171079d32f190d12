"""The rate depends on the batch, not on the replicas; a run can move."""

import pytest

from resnet_tf.checkpoints.files import read_config
from resnet_tf.checkpoints.resolve import pretrained_root
from resnet_tf.config import ExperimentConfig, differences
from resnet_tf.errors import SettingError


def flat(recipe="onecycle", **settings):
    return ExperimentConfig.from_flat(settings, recipe)


def test_linear_scaling_multiplies_the_rate_by_the_batch_over_the_recipes():
    base = flat().optimizer.init_lr
    assert flat(train_batch_size=1024).optimizer.init_lr == base
    linear = {"lr_scaling": "linear"}
    assert flat(**linear).optimizer.init_lr == base
    assert flat(train_batch_size=1024, **linear).optimizer.init_lr == 8 * base
    assert flat(train_batch_size=64, **linear).optimizer.init_lr == base / 2
    explicit = flat(train_batch_size=256, init_lr=0.3, **linear)
    assert explicit.optimizer.init_lr == 0.6
    muon = flat(train_batch_size=256, optimizer="muon", sgd_lr=0.3, **linear)
    assert (muon.optimizer.init_lr, muon.optimizer.sgd_lr) == (2 * base, 0.6)
    assert ExperimentConfig.from_dict(explicit.to_dict()) == explicit


def test_a_higher_rate_needs_a_warm_up():
    high = {"train_batch_size": 256, "lr_scaling": "linear"}
    message = "needs a warm-up for a rate that is 2 times as high, .* received none"
    with pytest.raises(SettingError, match=message):
        flat("akamaster", **high)
    assert flat("akamaster", warmup_fraction=0.05, **high).optimizer.init_lr == 0.2
    low = {**high, "train_batch_size": 64}
    assert flat("akamaster", **low).optimizer.init_lr == 0.05


def test_the_place_of_a_run_is_written_but_not_compared():
    one, many = flat(strategy="one"), flat(strategy="multi_worker")
    assert many.to_dict()["train"]["strategy"] == "multi_worker"
    assert differences(one, many) == {}
    assert one.run_name() == many.run_name()
    synced = flat(sync_batch_norm=True)
    assert differences(one, synced) == {"sync_batch_norm": (False, True)}
    assert one.run_name() != synced.run_name()


def test_a_config_of_an_earlier_version_means_no_synchronization():
    config = read_config(pretrained_root() / "model_20/config.json")
    assert not config.train.sync_batch_norm
    assert ExperimentConfig.from_dict(config.to_dict()) == config


def test_lanes_are_normalized_separately():
    with pytest.raises(SettingError, match="sync_batch_norm needs lanes=1, received 2"):
        flat(sync_batch_norm=True, lanes=2)
