"""The shapes by arithmetic against the networks themselves."""

import math

import pytest

from resnet_tf.config import ModelConfig, named_network, network_size
from resnet_tf.config.networks import IMAGENET, UVA, WIDE_CIFAR
from resnet_tf.interop.shapes import network_layers
from resnet_tf.models import build_model, list_models

KINDS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias",
         "moving_mean": "running_mean", "moving_variance": "running_var"}  # fmt: skip
BLOCKS = {"model": "resnet", "num_residual_blocks": 2}
CONFIGS = [
    {**BLOCKS, "order": "post", "shortcut": "A-append"},
    {**BLOCKS, "order": "post", "shortcut": "B"},
    {**BLOCKS, "order": "pre", "shortcut": "B", "num_classes": 7},
    {**BLOCKS, "order": "pre", "shortcut": "B", "bottleneck": True},
    {"model": "densenet", "depth": 16, "bottleneck": True, "compression": 0.5},
    {"model": "densenet", "depth": 10, "stem_filters": 24, "compression": 0.3},
]
# Networks without settings of size; the importers' own tests assign to them too.
FIXED = [{"model": name} for name in (*UVA, *WIDE_CIFAR, *IMAGENET)]
SLOW = [pytest.param(values, marks=pytest.mark.slow) for values in FIXED]


def name_of(values: dict) -> str:
    return "-".join(map(str, values.values()))


def in_their_layout(shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(shape)]
    return tuple(shape[axis] for axis in axes)


@pytest.mark.parametrize(
    "values", CONFIGS, ids=lambda x: "-".join(map(str, x.values()))
)
def test_as_the_network_has_them(values):
    config = ModelConfig(**values)
    expected = {}
    for weight in build_model(config).weights:
        layer, _, kind = weight.path.rpartition("/")
        expected[layer, KINDS[kind]] = in_their_layout(tuple(weight.shape))
    found = {
        (layer, kind): shape
        for layer, kinds in network_layers(config)
        for kind, shape in kinds.items()
    }
    assert found == expected


@pytest.mark.parametrize("name", list_models())
def test_the_sum_of_every_registered_network(name):
    config = named_network(name, num_classes=7)
    shapes = [x for _, kinds in network_layers(config) for x in kinds.values()]
    assert sum(map(math.prod, shapes)) == network_size(config).numbers
