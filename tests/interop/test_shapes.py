"""The computed shapes equal the shapes of the built networks."""

import math

import pytest

from resnet_tf.config import (
    FAMILIES,
    NETWORKS,
    ModelConfig,
    named_network,
    network_size,
)
from resnet_tf.interop.shapes import _BODIES, network_layers
from resnet_tf.models import build_model

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
# Networks without settings of size. The importers' tests assign weights to them too.
FIXED = [dict(row.values) for row in FAMILIES.values() if len(row.values) == 1]
SLOW = [pytest.param(values, marks=pytest.mark.slow) for values in FIXED]


def in_their_layout(shape: tuple[int, ...]) -> tuple[int, ...]:
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(shape)]
    return tuple(shape[axis] for axis in axes)


@pytest.mark.parametrize(
    "values", [*CONFIGS, *SLOW], ids=lambda x: "-".join(map(str, x.values()))
)
def test_shapes_equal_the_networks(values):
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


# The networks that an importer recognizes.
@pytest.mark.parametrize(
    "name",
    [
        x
        for x, row in NETWORKS.items()
        if row.family in {*_BODIES, "resnet", "densenet"}
    ],
)
def test_the_parameters_of_every_registered_network(name):
    config = named_network(name, num_classes=7)
    shapes = [x for _, kinds in network_layers(config) for x in kinds.values()]
    assert sum(map(math.prod, shapes)) == network_size(config).numbers
