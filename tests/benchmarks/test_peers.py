"""Tests that the peers' networks equal the networks of this package."""

import pytest
from peers.networks import MODELS

from resnet_tf.analysis.audit.published import PUBLISHED
from resnet_tf.config import named_network
from resnet_tf.models import build_model

SMALL = [model for model in MODELS if model != "resnet110"]
# A shallower network of the same kind is built in the default run.
DEEP = "resnet56", "densenet_bc100_k12"


@pytest.mark.parametrize(
    "model",
    [pytest.param(x, marks=[pytest.mark.slow] if x in DEEP else []) for x in SMALL],
)
def test_keras_has_our_weights(model):
    from peers.keras_networks import build

    order = {"order": "pre"} if model.startswith("resnet") else {}
    ours = build_model(named_network(model, **order))
    shapes, expected = (
        sorted(tuple(weight.shape) for weight in network.weights)
        for network in (build(model), ours)
    )
    assert shapes == expected


@pytest.mark.parametrize("model", MODELS)
def test_torch_has_our_parameters(model, images):
    torch = pytest.importorskip("torch")
    from peers.torch_networks import build

    network = build(model).eval()
    count = sum(weight.numel() for weight in network.parameters())
    assert count == PUBLISHED[model].parameters
    if model in SMALL:
        with torch.no_grad():
            logits = network(torch.from_numpy(images[:1].transpose(0, 3, 1, 2)))
        assert logits.shape == (1, 10)
