"""Each family's network, computed by hand, equals ours with the same tensors."""

import functools
import re

import keras
import numpy as np
import pytest

from resnet_tf.checkpoints import torchvision
from resnet_tf.config import ExperimentConfig, named_network
from resnet_tf.errors import CheckpointError
from resnet_tf.interop import cifar_resnet
from resnet_tf.interop.imagenet import recognise as recognise_imagenet
from resnet_tf.interop.recognise import recognise
from resnet_tf.interop.shapes import network_layers
from resnet_tf.models import build_model

FAMILIES = {
    "akamaster": ("akamaster/pytorch_resnet_cifar10 ResNet-14", None),
    "chenyaofo10": ("chenyaofo/pytorch-cifar-models ResNet-8", None),
    "chenyaofo100": ("chenyaofo/pytorch-cifar-models ResNet-14", None),
    "uva_googlenet": ("UvA Deep Learning tutorial 5 GoogleNet", 10.30),
    "uva_resnet": ("UvA Deep Learning tutorial 5 ResNet", 8.94),
    "uva_preact": ("UvA Deep Learning tutorial 5 ResNetPreAct", 8.93),
    "uva_densenet": ("UvA Deep Learning tutorial 5 DenseNet", 9.77),
}
MODELS = {
    "akamaster": {
        "model": "resnet",
        "num_residual_blocks": 2,
        "order": "post",
        "shortcut": "A-subsample",
        "stride_padding": "both",
    },
    "chenyaofo10": {
        "model": "resnet",
        "num_residual_blocks": 1,
        "order": "post",
        "shortcut": "B",
        "stride_padding": "both",
    },
    "chenyaofo100": {"model": "resnet", "num_residual_blocks": 2, "num_classes": 100},
}
MEANS = {
    "akamaster": (0.485, 0.456, 0.406),
    "chenyaofo10": (0.4914, 0.4822, 0.4465),
    "chenyaofo100": (0.5070, 0.4865, 0.4409),
}
DEVIATIONS = {
    "akamaster": (0.229, 0.224, 0.225),
    "chenyaofo10": (0.2023, 0.1994, 0.2010),
    "chenyaofo100": (0.2673, 0.2564, 0.2761),
}
CIFAR10 = (0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784)


@pytest.mark.parametrize("name", FAMILIES)
def test_equal_logits(name, made, write_torch, tmp_path):
    network = made(name)
    path = write_torch(tmp_path / "weights.pt", network.data())
    found = recognise(path)
    family, error = FAMILIES[name]
    assert (found.family, found.files) == (family, (path,))
    assert error == (found.published.error if found.published else None)
    model, data = found.config.model, found.config.data
    for key, value in MODELS.get(name, {"model": name}).items():
        assert getattr(model, key) == value
    assert model.bn_epsilon == 1e-5
    assert data.dataset == ("cifar100" if name == "chenyaofo100" else "cifar10")
    assert data.normalization == "mean_std" and data.validation_size == 0
    assert data.channel_mean == MEANS.get(name, CIFAR10[0])
    assert data.channel_std == DEVIATIONS.get(name, CIFAR10[1])
    assert ExperimentConfig.from_dict(found.config.to_dict()) == found.config

    model = build_model(found.config.model)
    counted = [x for x in network.tensors if not x.endswith("num_batches_tracked")]
    assert found.assign(model) == len(counted) == len(model.weights)
    logits = model(network.images).numpy()
    assert np.ptp(network.logits[0] - network.logits[1]) > 0.1
    largest = np.abs(network.logits).max()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)


LAST = {
    "akamaster": "module.layer3.1.bn2.running_var",
    "chenyaofo100": "layer2.0.downsample.1.weight",
    "uva_googlenet": "model.inception_blocks.9.max_pool.2.running_mean",
    "uva_resnet": "model.blocks.6.downsample.bias",
    "uva_preact": "model.blocks.6.downsample.0.bias",
    "uva_densenet": "model.blocks.5.transition.2.weight",
}


@pytest.mark.parametrize("name", LAST)
def test_every_tensor_is_checked(name, made, write_torch, tmp_path):
    network, last = made(name), LAST[name]
    tensor = network.tensors[last]
    plain = last.removeprefix("module.").removeprefix("model.")
    surplus = last.rpartition(".")[0] + ".extra"
    harms = [
        ({last: None}, f"must have the tensor {plain}"),
        ({surplus: np.ones(3, "float32")}, "must have no tensor '.*extra'"),
        ({last: np.ones(1, "float32")}, f"{plain} must have the shape .*, received"),
        ({last: tensor.astype("int64")}, f"{plain} must be of floating-point numbers"),
        ({last: tensor * np.float32(np.nan)}, f"{plain} must be finite in float32"),
    ]
    keras.utils.set_random_seed(1)
    whole = write_torch(tmp_path / "whole.pt", network.data())
    model = build_model(recognise(whole).config.model)
    if last.endswith("running_var"):
        harms.append(({last: -tensor}, f"{plain} must be at least 0, received -"))
    for index, (harm, message) in enumerate(harms):
        path = write_torch(tmp_path / f"{index}.pt", network.data(**harm))
        before = [weight.numpy() for weight in model.weights]
        with pytest.raises(CheckpointError, match=message):
            recognise(path).assign(model)
        for weight, value in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(weight, value)


def _hyper(**changes):
    model = {"act_fn_name": "tanh", **changes.pop("model", {})}
    return {"model_name": "ResNet", "model_hparams": model, **changes}


def test_the_activation_of_the_hyper_parameters(made, write_torch, tmp_path):
    data = made("uva_resnet").data() | {"hyper_parameters": _hyper()}
    found = recognise(write_torch(tmp_path / "ResNet.ckpt", data))
    assert found.config.model.activation == "tanh"


WRONG_UVA = [
    (_hyper(model_name="DenseNet"), "must have hyper_parameters of ResNet"),
    (
        _hyper(model={"block_name": "PreActResNetBlock"}),
        "must have block_name='ResNetBlock', received 'PreActResNetBlock'",
    ),
    (_hyper(model={"num_blocks": [5] * 3}), r"num_blocks=\[3, 3, 3\], received \[5, "),
    (_hyper(model={"num_classes": 100}), "must have num_classes=10, received 100"),
    (_hyper(model={"c_hidden": np.ones((3, 2), "f4")}), "c_hidden=.*received array"),
    (_hyper(model={"act_fn_name": ["relu"]}), "act_fn_name as text, received"),
    (_hyper(model_name=np.ones(2, "float32")), "must have hyper_parameters of ResNet"),
    (_hyper(model={"act_fn_name": "swish"}), "activation must be one of"),
    ([1], "must have hyper_parameters of ResNet"),
    (functools.reduce(lambda x, _: [x, x], range(60), []), "hyper_parameters of ResN"),
]


@pytest.mark.parametrize(("hyper", "message"), WRONG_UVA)
def test_hyper_parameters_of_another_network(
    hyper, message, made, write_torch, tmp_path
):
    data = made("uva_resnet").data() | {"hyper_parameters": hyper}
    path = write_torch(tmp_path / "ResNet.ckpt", data)
    with pytest.raises(CheckpointError, match=message) as caught:
        recognise(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_unknown_weights_are_refused(made, write_torch, tmp_path):
    network = made("akamaster")
    ones = np.ones(3, "float32")
    cases = [
        ({"a.weight": ones}, "must be of akamaster.*received 1 tensors, e.g. 'a.we"),
        (
            network.data(**{"module.linear.bias": ones}),
            r"linear.weight must have the shape \(3, 64\), received \(10, 64\)",
        ),
        (network.data(**{"module.linear.bias": None}), "the tensor linear.bias"),
        (
            network.data(**{"module.layer2.7.conv1.weight": ones}),
            "same number of blocks in each stage, received 2, 3, 2",
        ),
        # Four stages and "linear", as in kuangliu's networks, but not registered.
        (
            network.data(**{"module.layer4.1.conv2.weight": ones}),
            r"resnet18_cifar \(2-2-2-2\), .*, received stages of 2-2-2-1",
        ),
        (["no state dict"], "a state dict must be tensors by name"),
    ]
    for index, (data, message) in enumerate(cases):
        path = write_torch(tmp_path / f"{index}.pt", data)
        with pytest.raises(CheckpointError, match=message):
            recognise(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="nothing.th is missing"):
        recognise(tmp_path / "nothing.th")
    with pytest.raises(CheckpointError, match="must be a file, or .* a folder"):
        recognise(tmp_path)
    (tmp_path / "empty.th").write_bytes(b"")
    with pytest.raises(CheckpointError, match="empty.th"):
        recognise(tmp_path / "empty.th")


def test_the_hash_in_the_name(made, write_torch, tmp_path):
    data = made("chenyaofo10").data()
    with pytest.raises(CheckpointError, match="SHA-256 must begin with 4118986f"):
        recognise(write_torch(tmp_path / "cifar10_resnet20-4118986f.pt", data))
    assert recognise(write_torch(tmp_path / "run-20241105.pt", data))


def zeros(network: str, classes: int) -> dict[str, np.ndarray]:
    """Returns zeros with the right shapes, by torchvision's names."""
    names = torchvision.layer_names(network)
    layers = network_layers(named_network(network, num_classes=classes))
    return {
        f"{names(layer)}.{kind}": np.zeros(shape, "float32")
        for layer, kinds in layers
        for kind, shape in kinds.items()
    }


def test_the_older_names_of_densenet121():
    tensors = zeros("densenet121", 10)
    old = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", x): y for x, y in tensors.items()}
    assert old.keys() != tensors.keys()
    assert torchvision.current_names(old) == tensors


@pytest.mark.parametrize(
    ("network", "error"), [("resnet18", 30.24), ("densenet121", 25.57)]
)
def test_torchvision(network, error, tmp_path):
    found = recognise_imagenet(tmp_path, zeros(network, 1000))
    model, data = found.config.model, found.config.data
    assert (found.family, model.model) == (f"torchvision {network}", network)
    assert (model.num_classes, data.dataset) == (1000, "folder")
    assert (data.resize, data.image_size) == (256, 224)
    assert data.channel_mean == (0.485, 0.456, 0.406)
    assert found.published.error == error
    assert "one folder of images per class" in found.notes[0]
    found = recognise_imagenet(tmp_path, zeros(network, 10))
    assert found.config.data.dataset == "cifar10"
    assert (found.published, found.notes) == (None, ())


# Files with a few tensors, and the first tensor missing in each.
TINY = [
    (["layer4.1.conv2.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight",
      "layer2.0.conv1.weight", "layer2.1.conv1.weight", "layer3.0.conv1.weight",
      "layer3.1.conv1.weight", "layer4.0.conv1.weight", "fc.weight", "fc.bias"],
     {"conv1.weight": np.zeros((64, 3, 7, 7), "float32")},
     "torchvision's resnet18 must have the tensor bn1.weight"),
    (["features.denseblock1.denselayer1.conv1.weight", "classifier.bias"], {},
     "torchvision's densenet121 must have the tensor features.conv0.weight"),
    (["input_net.0.weight", "inception_blocks.0.conv_1x1.0.weight",
      "output_net.2.bias"], {},
     r"input_net.0.weight must have the shape \(64, 3, 3, 3\), received \(1,\)"),
    (["input_net.0.weight", "blocks.0.block.0.net.0.weight", "output_net.4.bias"], {},
     r"input_net.0.weight must have the shape \(32, 3, 3, 3\), received \(1,\)"),
    (["input_net.0.weight", "blocks.0.net.0.weight", "output_net.2.bias"], {},
     r"input_net.0.weight must have the shape \(16, 3, 3, 3\), received \(1,\)"),
    (["input_net.0.weight", "blocks.0.net.5.weight", "output_net.2.bias"], {},
     r"input_net.0.weight must have the shape \(16, 3, 3, 3\), received \(1,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "kernels", "message"), TINY)
def test_a_small_file_is_refused_before_a_network_is_built(
    names, kernels, message, write_torch, tmp_path, monkeypatch
):
    monkeypatch.setattr(keras, "Input", None)
    data = {name: np.ones(10 if "bias" in name else 1, "f4") for name in names}
    path = write_torch(tmp_path / "x.pth", {**data, **kernels})
    with pytest.raises(CheckpointError, match=message):
        recognise(path)


PREACTIVATED = ["conv1.weight", "layer1.0.bn1.weight", "layer1.0.conv1.weight",
                "layer2.0.conv1.weight", "layer3.0.conv1.weight", "bn.weight",
                "layer2.0.downsample.0.weight", "fc.weight", "fc.bias"]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "projects the raw input without batch norm; resnet with order=pre and u"),
        (["layer1.0.conv3.weight"], "projects the raw input and has its stride in the"),
    ],
)
def test_a_preactivated_network_that_differs_is_refused(more, message, tmp_path):
    tensors = {name: np.ones(10, "f4") for name in (*PREACTIVATED, *more)}
    with pytest.raises(CheckpointError, match=f"same function .*{message}"):
        cifar_resnet.recognise(tmp_path, tensors)
