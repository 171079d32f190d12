"""CIFAR DenseNets of PyTorch projects, computed by hand, equal ours."""

import numpy as np
import pytest

from resnet_tf.config import ModelConfig, named_network
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.densenet import recognise as recognise_densenet
from resnet_tf.interop.recognise import recognise
from resnet_tf.models import build_model

BC = {"bottleneck": True, "compression": 0.5, "depth": 16}
GPLEISS = "gpleiss/efficient_densenet_pytorch"
BEARPAW = "bearpaw/pytorch-classification"
VEIT = "andreasveit/densenet-pytorch"
# The family, and the settings of the network.
NETWORKS = {
    "gpleiss_bc": (f"{GPLEISS} DenseNet-BC-16 (k = 12)", BC),
    "gpleiss_stem": (
        f"{GPLEISS} DenseNet-BC-10 (k = 8)",
        {"bottleneck": True, "compression": 0.34, "depth": 10, "stem_filters": 24,
         "growth_rate": 8, "num_classes": 7},
    ),
    "bearpaw_bc": (f"{BEARPAW} DenseNet-BC-16 (k = 12)", {**BC, "num_classes": 100}),
    "bearpaw_plain": (
        f"{BEARPAW} DenseNet-10 (k = 8)", {"depth": 10, "growth_rate": 8}
    ),
    "andreasveit_bc": (f"{VEIT} DenseNet-BC-16 (k = 12)", BC),
    "andreasveit_plain": (
        f"{VEIT} DenseNet-10 (k = 12)", {"depth": 10, "stem_filters": 24}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_logits(name, made, write_torch, tmp_path):
    network = made(name)
    found = recognise(write_torch(tmp_path / "model.dat", network.data()))
    family, settings = NETWORKS[name]
    assert (found.family, found.published) == (family, None)
    assert found.config.model == ModelConfig(
        model="densenet", head_initializer="fan_in_uniform", **settings
    )
    assert found.config.data.validation_size == 0
    model = build_model(found.config.model)
    assert found.assign(model) == len(model.weights)
    largest = np.abs(network.logits).max()
    logits = model(network.images).numpy()
    np.testing.assert_allclose(logits, network.logits, atol=1e-5 * largest)


def test_the_registered_network_and_its_published_error(made, tmp_path):
    found = recognise_densenet(tmp_path, made("bearpaw_deep").tensors)
    registered = named_network("densenet_bc100_k12", head_initializer="fan_in_uniform")
    assert found.config.model == registered
    assert found.published.error == 4.54
    assert found.config.data.channel_std == (0.2023, 0.1994, 0.2010)


def test_names_from_before_pytorch_0_4(made, tmp_path):
    tensors = made("gpleiss_stem").tensors
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): x
        for name, x in tensors.items()
    }
    assert old.keys() != tensors.keys()
    found = recognise_densenet(tmp_path, old)
    assert found.assign(build_model(found.config.model)) > 0


def ones(*shape) -> np.ndarray:
    return np.ones(shape, "float32")


FIRST = "features.denseblock1.denselayer1"
WRONG = [
    ({"features.norm_final.bias": None}, "must have the tensor features.norm_final.bi"),
    ({"features.conv0.weight": None}, "must have the tensor features.conv0.weight"),
    ({"features.conv0.weight": ones(24)}, r"kernel of 4 axes, received the shape \(24"),
    ({"features.conv0.weight": ones(24, 3, 7, 7)}, r"conv0.weight must have the shape"),
    ({f"{FIRST}.conv1.weight": ones(24, 24, 1, 1)}, "4 times its growth rate, 48, rec"),
    ({"features.transition2.conv.weight": ones(25, 48, 1, 1)},
     "same share of the channels in both transitions, received 24 of 48 and 25 of 48"),
    ({"features.denseblock4.denselayer1.conv1.weight": ones(1)},
     "3 dense blocks of one length, received 2, 2, 2, 1"),
    ({"features.denseblock1.denselayer2.norm3.weight": ones(1)},
     "must have no tensor 'features.denseblock1.denselayer2.norm3.weight'"),
    ({"classifier.bias": None}, "must have the tensor classifier.bias"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_another_network_is_refused(changes, message, made, write_torch, tmp_path):
    network = made("gpleiss_bc")
    changes = {f"module.{name}": x for name, x in changes.items()}
    path = write_torch(tmp_path / "model.dat", network.data(**changes))
    with pytest.raises(CheckpointError, match=message) as caught:
        recognise(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
