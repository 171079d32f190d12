import math

import pytest

from resnet_tf import build_model
from resnet_tf.config import NETWORKS, ModelConfig, named_network, network_size
from resnet_tf.errors import SettingError


@pytest.mark.parametrize("name", NETWORKS)
def test_a_registered_network_has_its_parameters(name):
    size = network_size(named_network(name))
    assert size.parameters == NETWORKS[name].published.parameters


SMALL = {
    "post": {"num_residual_blocks": 2, "order": "post"},
    "pre": {"num_residual_blocks": 1, "order": "pre", "num_classes": 7},
    "B": {"num_residual_blocks": 2, "shortcut": "B"},
    "none": {"num_residual_blocks": 1, "shortcut": "none"},
    "bottleneck": {"num_residual_blocks": 2, "bottleneck": True, "shortcut": "B"},
    "densenet": {"model": "densenet", "depth": 10, "compression": 0.29},
    "stem": {"model": "densenet", "depth": 10, "stem_filters": 5, "growth_rate": 3},
    "bc": {"model": "densenet", "depth": 16, "bottleneck": True, "compression": 0.5},
    **{
        name: {"model": name, "num_classes": 3}
        for name in NETWORKS
        if len(NETWORKS[name].values) == 1
    },
}


# Their families have a shallower network or one with a narrower stem.
DEEP = ("resnet34_cifar", "densenet121")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(values, id=name, marks=[pytest.mark.slow] if name in DEEP else [])
        for name, values in SMALL.items()
    ],
)
def test_the_computed_size_equals_the_built_network(values):
    config = ModelConfig(**values)
    model = build_model(config)
    size = network_size(config)
    assert size.parameters == sum(math.prod(w.shape) for w in model.trainable_weights)
    assert size.numbers == sum(math.prod(w.shape) for w in model.weights)


def test_a_far_too_large_network_is_refused():
    with pytest.raises(SettingError, match=r"at most 500,000,000 parameters, received"):
        ModelConfig(model="densenet", depth=1000, growth_rate=1000)


def test_a_transition_keeps_a_channel():
    with pytest.raises(SettingError, match="compression must keep one of 52 channels"):
        ModelConfig(model="densenet", depth=13, compression=0.001)
