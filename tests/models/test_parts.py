"""The initial values of the dense head, and settings that a network refuses."""

import keras
import numpy as np
import pytest

from resnet_tf import ModelConfig, build_model
from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import SettingError
from resnet_tf.models import registry

# Standard deviation and, for the uniform one, largest value, times sqrt(fan_in).
STARTS = {
    "fan_in_normal": (1.0, None),
    "he_fan_in": (2**0.5, None),
    "fan_in_uniform": (3**-0.5, 1.0),
    "unit_uniform": (1.0, 3**0.5),
}


def head(**values):
    keras.utils.set_random_seed(0)
    config = ModelConfig(num_residual_blocks=1, num_classes=1000, **values)
    return registry.build_model(config).get_layer("logits")


@pytest.mark.parametrize("name", STARTS)
def test_the_kernel_of_the_head(name):
    kernel = head(head_initializer=name).kernel.numpy() * 64**0.5
    deviation, largest = STARTS[name]
    assert abs(kernel.std() - deviation) < 0.01 * deviation  # of 64,000 numbers
    assert abs(kernel.mean()) < 0.02
    if largest is None:
        assert np.abs(kernel).max() > 3.5 * deviation
    else:
        assert 0.999 * largest < np.abs(kernel).max() <= largest * (1 + 1e-6)


def test_the_bias_of_the_head():
    assert not head().bias.numpy().any()
    bias = head(head_bias="fan_in_uniform").bias.numpy() * 8
    assert 0.98 < np.abs(bias).max() <= 1 and abs(bias.std() - 3**-0.5) < 0.03


@pytest.mark.parametrize(
    ("recipe", "deviation"),
    [("akamaster", 0.1768), ("he2015", 0.0722), ("wenxinxu", 0.125)],
)
def test_the_head_of_a_recipe(recipe, deviation):
    keras.utils.set_random_seed(0)
    given = {"num_residual_blocks": 1, "dataset": "cifar100"}
    config = ExperimentConfig.from_flat(given, recipe)
    kernel = build_model(config.model).get_layer("logits").kernel.numpy()
    assert abs(kernel.std() - deviation) < 0.02 * deviation


def test_the_head_does_not_change_other_initial_weights():
    """The head's initializer draws no random numbers of other weights."""

    def stem(**values):
        keras.utils.set_random_seed(0)
        config = ModelConfig(num_residual_blocks=1, **values)
        return build_model(config).get_layer("stem_conv").kernel.numpy()

    other = stem(head_initializer="he_fan_in", head_bias="fan_in_uniform")
    np.testing.assert_array_equal(stem(), other)


@pytest.mark.parametrize("name", ["resnet20", "uva_googlenet", "resnet18"])
def test_channels_first_is_one_line(name, monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    message = "must be channels_last for images .* received channels_first$"
    with pytest.raises(SettingError, match=message):
        build_model(name)


def test_float64_is_one_line():
    with pytest.raises(ValueError, match="^dtype must be float32, .* received float64"):
        build_model("resnet20", dtype="float64")
