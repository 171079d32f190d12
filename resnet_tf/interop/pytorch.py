"""Runs the published networks in PyTorch, on the tensors as read from the file.

This checks the importers with code that shares nothing with our layers. Nothing else
in the package needs PyTorch.
"""

import functools
import importlib.util
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_GOOGLENET = (True, True, False, True, True, True, True, False, True, True)


class _DenseNames(NamedTuple):
    """Names of the layers of a CIFAR DenseNet; `first` is the first layer's number."""

    stem: str
    layer: str
    first: int
    norm: str
    transition: str
    parts: tuple[str, str]
    final: str
    head: str


_DENSENETS = {
    "gpleiss/efficient_densenet_pytorch": _DenseNames(
        "features.conv0",
        "features.denseblock{}.denselayer{}",
        1,
        "norm",
        "features.transition{}",
        ("norm", "conv"),
        "features.norm_final",
        "classifier",
    ),
    "bearpaw/pytorch-classification": _DenseNames(
        "conv1", "dense{}.{}", 0, "bn", "trans{}", ("bn1", "conv1"), "bn", "fc"
    ),
    "andreasveit/densenet-pytorch": _DenseNames(
        "conv1", "block{}.layer.{}", 0, "bn", "trans{}", ("bn1", "conv1"), "bn1", "fc"
    ),
}


def installed() -> bool:
    """Returns whether PyTorch can be imported."""
    return importlib.util.find_spec("torch") is not None


def pytorch_logits(
    images: np.ndarray,
    network: str,
    tensors: Mapping[str, np.ndarray],
    activation: str = "relu",
) -> np.ndarray:
    """Returns PyTorch's logits for images, with the moving averages of batch norm.

    Args:
        images: float32 array (N, H, W, 3), normalized.
        network: A name in `NETWORKS`.
        tensors: Tensors by PyTorch's names, in PyTorch's layout.
        activation: "relu", "tanh", "leakyrelu" or "gelu".

    Returns:
        float32 array (N, classes).

    Raises:
        ImportError: If PyTorch is not installed.
    """
    import torch

    with torch.inference_mode():
        x = torch.from_numpy(images).permute(0, 3, 1, 2)
        return NETWORKS[network](_Layers(tensors, activation), x).numpy()


class _Layers:
    """Applies layers by name to tensors with the channels first."""

    def __init__(self, tensors: Mapping[str, np.ndarray], activation: str):
        import torch

        self._made = {
            name: torch.from_numpy(np.array(x, "float32"))
            for name, x in tensors.items()
        }
        self.functions = torch.nn.functional
        self.join = functools.partial(torch.cat, dim=1)
        functions = {
            "relu": torch.relu,
            "tanh": torch.tanh,
            "leakyrelu": self.functions.leaky_relu,
            "gelu": self.functions.gelu,
        }
        self.activate = functions[activation]

    def count(self, pattern: str) -> int:
        """Returns how many tensors have a name that matches `pattern`."""
        return sum(bool(re.fullmatch(pattern, name)) for name in self._made)

    def has(self, name: str) -> bool:
        return name in self._made

    def conv(self, x, name, stride=1):
        kernel, bias = self._made[f"{name}.weight"], self._made.get(f"{name}.bias")
        border = kernel.shape[-1] // 2
        return self.functions.conv2d(x, kernel, bias, stride, border)

    def norm(self, x, name):
        kinds = ("running_mean", "running_var", "weight", "bias")
        values = [self._made[f"{name}.{kind}"] for kind in kinds]
        return self.functions.batch_norm(x, *values, training=False, eps=1e-5)

    def unit(self, x, name, first, stride=1):
        """Applies convolution, batch norm and activation, numbered from `first`."""
        x = self.conv(x, f"{name}.{first}", stride)
        return self.activate(self.norm(x, f"{name}.{first + 1}"))

    def before(self, x, norm, conv, stride=1):
        """Applies batch norm, activation and convolution."""
        return self.conv(self.activate(self.norm(x, norm)), conv, stride)

    def max_pool(self, x, stride):
        return self.functions.max_pool2d(x, 3, stride, 1)

    def mean_pool(self, x):
        return self.functions.avg_pool2d(x, 2)

    def head(self, x, name):
        weights = [self._made[f"{name}.{kind}"] for kind in ("weight", "bias")]
        return self.functions.linear(x.mean((2, 3)), *weights)


def _resnet(net: _Layers, x, head: str, wide_stem: bool = False):
    kinds = ("shortcut", "downsample")
    shortcut = next((k for k in kinds if net.count(rf".*\.{k}\.0\.weight")), None)
    x = net.conv(x, "conv1", 2 if wide_stem else 1)
    x = net.activate(net.norm(x, "bn1"))
    if wide_stem:
        x = net.max_pool(x, 2)
    for stage in range(1, net.count(r"layer\d\.0\.conv1\.weight") + 1):
        for block in range(net.count(rf"layer{stage}\.\d+\.conv1\.weight")):
            name, stride = f"layer{stage}.{block}", 1 + (stage > 1 and block == 0)
            y = net.conv(x, f"{name}.conv1", stride)
            y = net.conv(net.activate(net.norm(y, f"{name}.bn1")), f"{name}.conv2")
            y = net.norm(y, f"{name}.bn2")
            if stride == 2 and shortcut is None:
                new = x.shape[1] // 2
                x = net.functions.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, new, new))
            elif stride == 2:
                x = net.conv(x, f"{name}.{shortcut}.0", 2)
                x = net.norm(x, f"{name}.{shortcut}.1")
            x = net.activate(x + y)
    return net.head(x, head)


def _uva_resnet(net: _Layers, x):
    x = net.unit(x, "input_net", 0)
    for block in range(9):
        name, stride = f"blocks.{block}", 2 if block in (3, 6) else 1
        y = net.unit(x, f"{name}.net", 0, stride)
        y = net.norm(net.conv(y, f"{name}.net.3"), f"{name}.net.4")
        x = net.conv(x, f"{name}.downsample", 2) if stride == 2 else x
        x = net.activate(x + y)
    return net.head(x, "output_net.2")


def _uva_preact(net: _Layers, x):
    x = net.conv(x, "input_net.0")
    for block in range(9):
        name, stride = f"blocks.{block}", 2 if block in (3, 6) else 1
        y = net.before(x, f"{name}.net.0", f"{name}.net.2", stride)
        y = net.before(y, f"{name}.net.3", f"{name}.net.5")
        if stride == 2:
            x = net.before(x, f"{name}.downsample.0", f"{name}.downsample.2", 2)
        x = x + y
    return net.head(x, "output_net.2")


def _uva_googlenet(net: _Layers, x):
    x = net.unit(x, "input_net", 0)
    for index, is_block in enumerate(_GOOGLENET):
        if not is_block:
            x = net.max_pool(x, 2)
            continue
        name = f"inception_blocks.{index}"
        branches = [net.unit(x, f"{name}.conv_1x1", 0)]
        for branch in ("conv_3x3", "conv_5x5"):
            y = net.unit(x, f"{name}.{branch}", 0)
            branches.append(net.unit(y, f"{name}.{branch}", 3))
        branches.append(net.unit(net.max_pool(x, 1), f"{name}.max_pool", 1))
        x = net.join(branches)
    return net.head(x, "output_net.2")


def _uva_densenet(net: _Layers, x):
    x = net.conv(x, "input_net.0")
    for stage in range(4):
        for layer in range(6):
            name = f"blocks.{2 * stage}.block.{layer}.net"
            y = net.before(x, f"{name}.0", f"{name}.2")
            x = net.join([net.before(y, f"{name}.3", f"{name}.5"), x])
        if stage < 3:
            name = f"blocks.{2 * stage + 1}.transition"
            x = net.mean_pool(net.before(x, f"{name}.0", f"{name}.2"))
    return net.head(net.activate(net.norm(x, "output_net.0")), "output_net.4")


def _densenet121(net: _Layers, x):
    x = net.activate(net.norm(net.conv(x, "features.conv0", 2), "features.norm0"))
    x = net.max_pool(x, 2)
    for stage, length in enumerate((6, 12, 24, 16), start=1):
        for layer in range(1, length + 1):
            name = f"features.denseblock{stage}.denselayer{layer}"
            y = net.before(x, f"{name}.norm1", f"{name}.conv1")
            x = net.join([x, net.before(y, f"{name}.norm2", f"{name}.conv2")])
        if stage < 4:
            name = f"features.transition{stage}"
            x = net.mean_pool(net.before(x, f"{name}.norm", f"{name}.conv"))
    return net.head(net.activate(net.norm(x, "features.norm5")), "classifier")


def _densenet121_cifar(net: _Layers, x):
    x = net.conv(x, "conv1")
    for stage, length in enumerate((6, 12, 24, 16), start=1):
        for layer in range(length):
            name = f"dense{stage}.{layer}"
            y = net.before(x, f"{name}.bn1", f"{name}.conv1")
            x = net.join([net.before(y, f"{name}.bn2", f"{name}.conv2"), x])
        if stage < 4:
            x = net.mean_pool(net.before(x, f"trans{stage}.bn", f"trans{stage}.conv"))
    return net.head(net.activate(net.norm(x, "bn")), "linear")


def _cifar_densenet(net: _Layers, x, names: _DenseNames):
    x = net.conv(x, names.stem)
    for stage in (1, 2, 3):
        layer = names.first
        while net.has(f"{names.layer.format(stage, layer)}.conv1.weight"):
            name = names.layer.format(stage, layer)
            y = net.before(x, f"{name}.{names.norm}1", f"{name}.conv1")
            if net.has(f"{name}.conv2.weight"):
                y = net.before(y, f"{name}.{names.norm}2", f"{name}.conv2")
            x, layer = net.join([x, y]), layer + 1
        if stage < 3:
            norm, conv = (f"{names.transition.format(stage)}.{x}" for x in names.parts)
            x = net.mean_pool(net.before(x, norm, conv))
    return net.head(net.activate(net.norm(x, names.final)), names.head)


NETWORKS = {
    "cifar_linear": functools.partial(_resnet, head="linear"),
    "cifar_fc": functools.partial(_resnet, head="fc"),
    "resnet18": functools.partial(_resnet, head="fc", wide_stem=True),
    "densenet121": _densenet121,
    "densenet121_cifar": _densenet121_cifar,
    **{
        project: functools.partial(_cifar_densenet, names=names)
        for project, names in _DENSENETS.items()
    },
    "uva_googlenet": _uva_googlenet,
    "uva_resnet": _uva_resnet,
    "uva_preact": _uva_preact,
    "uva_densenet": _uva_densenet,
}
