"""Means and standard deviations of images among tensors."""

import numpy as np
import pytest

from resnet_tf.checkpoints.normalizer import find_normalizer, values
from resnet_tf.checkpoints.state_dict import find_weights

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
M, S = np.array(MEAN, "f4"), np.array(STD, "f4")


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


NAMES = [
    ("0.mean", "0.std"), ("normalize.mean", "normalize.std"), ("mean", "std"),
    ("net.pixel_mean", "net.pixel_std"), ("mu", "sigma"), ("norm.mean", "norm.stdv"),
]  # fmt: skip


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("shape", [(3,), (1, 3, 1, 1), (3, 1, 1)])
def test_names_and_shapes(names, shape):
    tensors = {names[0]: M.reshape(shape), names[1]: S.reshape(shape)}
    assert find_normalizer(tensors) == (names, MEAN, STD)


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ((123.0, 117.0, 104.0), (58.0, 57.0, 57.5), (0.4823529, 0.2274510)),
        (0.5, 0.25, (0.5, 0.25)),
        (0.0, 255.0, (0.0, 1.0)),
        (0, 1, (0.0, 1.0)),
    ],
)
def test_scales(mean, std, expected):
    found = find_normalizer({"mean": np.array(mean), "std": np.array(std)})
    assert (found.mean[0], found.std[0]) == expected


WRONG = [
    {"mean": M}, {"std": S}, {"mean": M, "std": 0 * S}, {"mean": -M, "std": S},
    {"mean": M, "std": S * np.nan}, {"mean": np.ones(4), "std": np.ones(4)},
    {"mean": np.full(3, 300.0), "std": S}, {"a.mean": M, "b.std": S},
    {"bn1.running_mean": M, "bn1.running_var": S},
]  # fmt: skip


@pytest.mark.parametrize("tensors", WRONG)
def test_no_normalizer(tensors):
    assert find_normalizer(tensors) is None


@pytest.mark.parametrize("network", ["net.1.", "ema.module.1."])
def test_each_network_has_its_own(network):
    own = network.removesuffix("1.")
    tensors = {}
    for prefix in ("net.", "ema.module."):
        tensors[f"{prefix}0.mean"] = M if prefix == own else M / 2
        tensors[f"{prefix}0.std"] = S
    assert find_normalizer(tensors, network).names[0] == f"{own}0.mean"
    assert find_normalizer(tensors, network).mean == MEAN


@pytest.mark.parametrize("names", NAMES[:3])
def test_the_normalizer_is_not_a_weight(names):
    network = {"layer1.0.conv1.weight": np.ones((2, 2), "f4")}
    found = find_weights({names[0]: M, names[1]: S} | network)
    assert found.tensors == network and found.passed_over == ()
    assert found.normalizer.names == names


@pytest.mark.parametrize("where", ["", "normalize."])
def test_the_normalizer_can_be_in_another_dict(where):
    network = {"layer1.0.conv1.weight": np.ones((2, 2), "f4")}
    beside = {f"{where}mean": M, f"{where}std": S}
    found = find_weights({"state_dict": network, **beside})
    assert found.tensors == network
    assert found.normalizer.names == (f"{where}mean", f"{where}std")
    found = find_weights({"net": network, "image": beside})
    assert found.normalizer.names == (f"image.{where}mean", f"image.{where}std")


STATISTICS = [
    {"loss": {"mean": np.array(0.3), "std": np.array(0.1)}},
    {"metrics.mean": M, "metrics.std": S},
]


@pytest.mark.parametrize("statistics", STATISTICS)
def test_statistics_of_a_training_are_not_a_normalizer(statistics):
    network = {"layer1.0.conv1.weight": np.ones((2, 2), "f4")}
    assert find_weights({**network, **statistics}).normalizer is None


def test_values_in_words():
    assert values(MEAN, STD) == (
        "mean 0.4914, 0.4822, 0.4465 and std 0.2471, 0.2435, 0.2616"
    )
    assert values(None, None) == "each image's own mean and std"
