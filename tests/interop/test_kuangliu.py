"""The wide networks for 32x32 pixels, computed by hand, equal ours."""

import numpy as np
import pytest

from resnet_tf.checkpoints.torch_layout import require_own_memory
from resnet_tf.errors import CheckpointError
from resnet_tf.interop.recognise import recognise
from resnet_tf.models import build_model

NETWORKS = [
    ("resnet18_cifar", "ResNet-18", 6.98),
    ("resnet34_cifar", "ResNet-34", None),
    ("densenet121_cifar", "DenseNet-121", 4.96),
    ("torchvision_cifar", "ResNet-18", None),
]


@pytest.mark.parametrize(("name", "title", "error"), NETWORKS)
def test_equal_logits(name, title, error, made, write_torch, tmp_path):
    network = made(name)
    data = {"net": network.data(), "acc": 95.1, "epoch": 199}
    found = recognise(write_torch(tmp_path / "ckpt.pth", data))
    assert found.family == f"kuangliu/pytorch-cifar {title}"
    assert error == (found.published.error if found.published else None)
    model = build_model(found.config.model)
    assert found.assign(model) == len(model.weights)
    largest = np.abs(network.logits).max()
    logits = model(network.images).numpy()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)
    pooling = any("max pooling" in note for note in found.notes)
    assert pooling == (name == "torchvision_cifar")


WRONG = [
    ({"bn1.weight": None}, "ResNet-18 must have the tensor bn1.weight"),
    ({"layer1.2.conv1.weight": 1}, r"received stages of 3-2-2-2"),
    ({"layer1.0.conv3.weight": 1}, r"received bottleneck stages of 2-2-2-2"),
    ({"layer5.0.conv1.weight": 1}, r"received stages of 2-2-2-2-1"),
    ({"linear.bias": None}, "must have the tensor linear.bias"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_networks_that_are_not_registered(
    changes, message, made, write_torch, tmp_path
):
    changes = {k: None if x is None else np.ones(3, "f4") for k, x in changes.items()}
    data = made("resnet18_cifar").data(**changes)
    path = write_torch(tmp_path / "x.pth", data)
    with pytest.raises(CheckpointError, match=message) as caught:
        recognise(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(("name", "classes"), [("akamaster7", 7), ("chenyaofo2", 2)])
def test_a_number_of_classes_without_a_data_set(
    name, classes, made, write_torch, tmp_path
):
    network = made(name)
    found = recognise(write_torch(tmp_path / "x.th", network.data()))
    assert found.config.model.num_classes == classes
    assert found.config.data.dataset == "folder" and "classes" in found.notes[0]
    model = build_model(found.config.model)
    found.assign(model)
    largest = np.abs(network.logits).max()
    logits = model(network.images).numpy()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)


def test_a_file_of_many_blocks_is_refused_before_a_network_is_built(
    write_torch, tmp_path
):
    tiny = np.ones(1, "float32")
    names = [f"layer{s}.{b}.conv1.weight" for s in (1, 2, 3) for b in range(300)]
    data = dict.fromkeys([*names, "linear.weight"], tiny)
    data["linear.bias"] = np.ones(10, "float32")
    with pytest.raises(CheckpointError, match="must have the tensor conv1.weight"):
        recognise(write_torch(tmp_path / "x.pth", data))


def test_tensors_that_share_memory_are_refused(made):
    network = made("akamaster7").tensors
    shared = {**network, "layer1.0.conv2.weight": network["layer1.0.conv1.weight"]}
    with pytest.raises(CheckpointError, match="memory of its own for the tensor"):
        require_own_memory(shared, "x")
    require_own_memory(network, "x")
