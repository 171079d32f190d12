"""The published networks computed by hand, and a writer of PyTorch files."""

import collections
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
import tensorflow as tf


class Torch:
    """PyTorch's layers on (N, H, W, C); each makes its tensors at the first call.

    Attributes:
        tensors: The layers' tensors, by PyTorch's names and in PyTorch's layout.
    """

    def __init__(self, prefix: str = ""):
        self.tensors = {}
        self._prefix = prefix
        self._generator = np.random.default_rng(0)

    def conv(self, x, name, outputs, size=3, stride=1, bias=False):
        inputs = x.shape[-1]
        scale = (2 / (inputs * size * size)) ** 0.5
        kernel = self._normal(f"{name}.weight", (outputs, inputs, size, size), scale)
        x = padded(x, size // 2, 0)
        x = tf.nn.conv2d(x, kernel.transpose(2, 3, 1, 0), stride, "VALID").numpy()
        return x + self._normal(f"{name}.bias", outputs, 0.3) if bias else x

    def norm(self, x, name):
        channels = x.shape[-1]
        scale = self._positive(f"{name}.weight", channels)
        offset = self._normal(f"{name}.bias", channels, 0.2)
        mean = self._normal(f"{name}.running_mean", channels, 0.2)
        variance = self._positive(f"{name}.running_var", channels)
        self.tensors[f"{self._prefix}{name}.num_batches_tracked"] = np.array(3, "i8")
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + offset

    def norm_relu(self, x, name):
        return relu(self.norm(x, name))

    def head(self, x, name, classes):
        x = x.mean((1, 2))
        weight = self._normal(f"{name}.weight", (classes, x.shape[-1]), 0.2)
        return x @ weight.T + self._normal(f"{name}.bias", classes, 1.0)

    def _normal(self, name, shape, scale):
        made = self._generator.normal(0, scale, shape).astype("float32")
        return self.tensors.setdefault(self._prefix + name, made)

    def _positive(self, name, channels):
        made = self._generator.uniform(0.5, 1.5, channels).astype("float32")
        return self.tensors.setdefault(self._prefix + name, made)


def relu(x):
    return np.maximum(x, 0)


def padded(x, border, value):
    sides = [(0, 0), (border, border), (border, border), (0, 0)]
    return np.pad(x, sides, constant_values=value)


def max_pool(x, stride):
    return tf.nn.max_pool2d(padded(x, 1, -np.inf), 3, stride, "VALID").numpy()


def wide_resnet(net, x, lengths=(2, 2, 2, 2), names=("linear", "shortcut")):
    """kuangliu's ResNet; with ("fc", "downsample") the names are torchvision's."""
    head, kind = names
    x = net.norm_relu(net.conv(x, "conv1", 64), "bn1")
    for stage, length in enumerate(lengths, start=1):
        width = 32 * 2**stage
        for block in range(length):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            shortcut = x
            if stride == 2:
                shortcut = net.conv(x, f"{name}.{kind}.0", width, 1, 2)
                shortcut = net.norm(shortcut, f"{name}.{kind}.1")
            x = net.norm_relu(net.conv(x, f"{name}.conv1", width, 3, stride),
                              f"{name}.bn1")  # fmt: skip
            x = net.norm(net.conv(x, f"{name}.conv2", width), f"{name}.bn2")
            x = relu(x + shortcut)
    return net.head(x, head, 10)


def wide_densenet(net, x):
    """kuangliu's DenseNet-121."""
    x = net.conv(x, "conv1", 64)
    for stage, length in enumerate((6, 12, 24, 16), start=1):
        for layer in range(length):
            name = f"dense{stage}.{layer}"
            new = net.conv(net.norm_relu(x, f"{name}.bn1"), f"{name}.conv1", 128, 1)
            new = net.conv(net.norm_relu(new, f"{name}.bn2"), f"{name}.conv2", 32)
            x = np.concatenate([new, x], axis=-1)
        if stage < 4:
            x = net.norm_relu(x, f"trans{stage}.bn")
            x = net.conv(x, f"trans{stage}.conv", x.shape[-1] // 2, 1)
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID").numpy()
    return net.head(net.norm_relu(x, "bn"), "linear", 10)


DENSE_NAMES = {
    "gpleiss": ("features.conv0", "features.denseblock{}.denselayer{}", 1, "norm",
                "features.transition{}", ("norm", "conv"), "features.norm_final",
                "classifier"),
    "bearpaw": ("conv1", "dense{}.{}", 0, "bn", "trans{}", ("bn1", "conv1"), "bn",
                "fc"),
    "andreasveit": ("conv1", "block{}.layer.{}", 0, "bn", "trans{}",
                    ("bn1", "conv1"), "bn1", "fc"),
}  # fmt: skip


def densenet(net, x, project, length, growth, wide=4, stem=None, share=2, classes=10):
    """A CIFAR DenseNet; `wide` 0 means plain, transitions keep 1 / `share` channels."""
    stem_name, layer, first, norm, transition, parts, final, head = DENSE_NAMES[project]
    x = net.conv(x, stem_name, stem or 2 * growth)
    for stage in (1, 2, 3):
        for index in range(length):
            name = layer.format(stage, first + index)
            new = net.norm_relu(x, f"{name}.{norm}1")
            if wide:
                new = net.conv(new, f"{name}.conv1", wide * growth, 1)
                new = net.norm_relu(new, f"{name}.{norm}2")
            new = net.conv(new, f"{name}.conv{2 if wide else 1}", growth)
            x = np.concatenate([x, new], axis=-1)
        if stage < 3:
            name = transition.format(stage)
            x = net.norm_relu(x, f"{name}.{parts[0]}")
            x = net.conv(x, f"{name}.{parts[1]}", x.shape[-1] // share, 1)
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID").numpy()
    return net.head(net.norm_relu(x, final), head, classes)


def cifar_resnet(net, x, blocks, classes, option):
    x = net.norm_relu(net.conv(x, "conv1", 16), "bn1")
    for stage, width in enumerate((16, 32, 64), start=1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            shortcut = x
            if stride == 2 and option == "A":
                new = width // 4
                shortcut = np.pad(x[:, ::2, ::2], [(0, 0)] * 3 + [(new, new)])
            elif stride == 2:
                shortcut = net.conv(x, f"{name}.downsample.0", width, 1, 2)
                shortcut = net.norm(shortcut, f"{name}.downsample.1")
            x = net.norm_relu(net.conv(x, f"{name}.conv1", width, 3, stride),
                              f"{name}.bn1")  # fmt: skip
            x = net.norm(net.conv(x, f"{name}.conv2", width), f"{name}.bn2")
            x = relu(x + shortcut)
    return net.head(x, "linear" if option == "A" else "fc", classes)


def uva_resnet(net, x):
    x = net.norm_relu(net.conv(x, "input_net.0", 16), "input_net.1")
    for index in range(9):
        name, width = f"blocks.{index}", 16 * 2 ** (index // 3)
        stride = 2 if index in (3, 6) else 1
        shortcut = x
        if stride == 2:
            shortcut = net.conv(x, f"{name}.downsample", width, 1, 2, bias=True)
        x = net.norm_relu(net.conv(x, f"{name}.net.0", width, 3, stride),
                          f"{name}.net.1")  # fmt: skip
        x = net.norm(net.conv(x, f"{name}.net.3", width), f"{name}.net.4")
        x = relu(x + shortcut)
    return net.head(x, "output_net.2", 10)


def uva_preact(net, x):
    x = net.conv(x, "input_net.0", 16)
    for index in range(9):
        name, width = f"blocks.{index}", 16 * 2 ** (index // 3)
        stride = 2 if index in (3, 6) else 1
        shortcut = x
        if stride == 2:
            shortcut = net.norm_relu(x, f"{name}.downsample.0")
            shortcut = net.conv(shortcut, f"{name}.downsample.2", width, 1, 2)
        x = net.conv(
            net.norm_relu(x, f"{name}.net.0"), f"{name}.net.2", width, 3, stride
        )
        x = net.conv(net.norm_relu(x, f"{name}.net.3"), f"{name}.net.5", width)
        x = x + shortcut
    return net.head(x, "output_net.2", 10)


def uva_googlenet(net, x):
    def unit(x, name, first, width, size):
        x = net.conv(x, f"{name}.{first}", width, size, bias=True)
        return net.norm_relu(x, f"{name}.{first + 1}")

    def inception(x, name, reduced, out):
        three = unit(x, f"{name}.conv_3x3", 0, reduced[0], 1)
        five = unit(x, f"{name}.conv_5x5", 0, reduced[1], 1)
        branches = [
            unit(x, f"{name}.conv_1x1", 0, out[0], 1),
            unit(three, f"{name}.conv_3x3", 3, out[1], 3),
            unit(five, f"{name}.conv_5x5", 3, out[2], 5),
            unit(max_pool(x, 1), f"{name}.max_pool", 1, out[3], 1),
        ]
        return np.concatenate(branches, axis=-1)

    x = unit(x, "input_net", 0, 64, 3)
    layers = [
        ((32, 16), (16, 32, 8, 8)),
        ((32, 16), (24, 48, 12, 12)),
        None,
        ((32, 16), (24, 48, 12, 12)),
        ((32, 16), (16, 48, 16, 16)),
        ((32, 16), (16, 48, 16, 16)),
        ((32, 16), (32, 48, 24, 24)),
        None,
        ((48, 16), (32, 64, 16, 16)),
        ((48, 16), (32, 64, 16, 16)),
    ]
    for index, layer in enumerate(layers):
        if layer is None:
            x = max_pool(x, 2)
        else:
            x = inception(x, f"inception_blocks.{index}", *layer)
    return net.head(x, "output_net.2", 10)


def uva_densenet(net, x):
    x = net.conv(x, "input_net.0", 32, bias=True)
    for stage in range(4):
        for layer in range(6):
            name = f"blocks.{2 * stage}.block.{layer}.net"
            new = net.conv(net.norm_relu(x, f"{name}.0"), f"{name}.2", 32, 1)
            new = net.conv(net.norm_relu(new, f"{name}.3"), f"{name}.5", 16)
            x = np.concatenate([new, x], axis=-1)
        if stage < 3:
            name = f"blocks.{2 * stage + 1}.transition"
            x = net.norm_relu(x, f"{name}.0")
            x = net.conv(x, f"{name}.2", x.shape[-1] // 2, 1)
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID").numpy()
    return net.head(net.norm_relu(x, "output_net.0"), "output_net.4", 10)


def _hyper(name, **model):
    model = {"num_classes": 10, "act_fn_name": "relu", **model}
    return {"model_name": name, "model_hparams": model, "optimizer_name": "SGD"}


# By name: the network, the prefix of its names, and the rest of the file.
NETWORKS = {
    "akamaster": (lambda net, x: cifar_resnet(net, x, 2, 10, "A"), "module.",
                  {"best_prec1": 91.0}),
    "chenyaofo10": (lambda net, x: cifar_resnet(net, x, 1, 10, "B"), "", None),
    "akamaster7": (lambda net, x: cifar_resnet(net, x, 1, 7, "A"), "", None),
    "chenyaofo2": (lambda net, x: cifar_resnet(net, x, 1, 2, "B"), "", None),
    "resnet18_cifar": (wide_resnet, "", None),
    "resnet34_cifar": (lambda net, x: wide_resnet(net, x, (3, 4, 6, 3)), "", None),
    "torchvision_cifar": (
        lambda net, x: wide_resnet(net, x, names=("fc", "downsample")), "", None),
    "densenet121_cifar": (wide_densenet, "", None),
    "gpleiss_bc": (lambda net, x: densenet(net, x, "gpleiss", 2, 12), "module.", None),
    "gpleiss_stem": (lambda net, x: densenet(
        net, x, "gpleiss", 1, 8, stem=24, share=3, classes=7), "", None),
    "bearpaw_bc": (lambda net, x: densenet(net, x, "bearpaw", 2, 12, classes=100),
                   "module.", {"epoch": 3, "best_acc": 90.0}),
    "bearpaw_plain": (lambda net, x: densenet(
        net, x, "bearpaw", 2, 8, wide=0, stem=16, share=1), "", None),
    "bearpaw_deep": (lambda net, x: densenet(net, x, "bearpaw", 16, 12), "", None),
    "andreasveit_bc": (lambda net, x: densenet(net, x, "andreasveit", 2, 12), "", None),
    "andreasveit_plain": (lambda net, x: densenet(
        net, x, "andreasveit", 2, 12, wide=0, share=1), "", None),
    "chenyaofo100": (lambda net, x: cifar_resnet(net, x, 2, 100, "B"), "", None),
    "uva_googlenet": (uva_googlenet, "model.",
                      {"hyper_parameters": _hyper("GoogleNet")}),
    "uva_resnet": (uva_resnet, "model.", {"hyper_parameters": _hyper("ResNet")}),
    "uva_preact": (uva_preact, "model.", {"hyper_parameters": _hyper(
        "ResNet", block_name="PreActResNetBlock")}),
    "uva_densenet": (uva_densenet, "model.",
                     {"hyper_parameters": _hyper("DenseNet")}),
}  # fmt: skip


class Made(collections.namedtuple("Made", "tensors images logits beside")):
    """A network's tensors, two images, their logits, and the rest of the file."""

    def data(self, **changes):
        """Returns the contents of the file, without tensors changed to None."""
        tensors = {**self.tensors, **changes}
        tensors = {name: x for name, x in tensors.items() if x is not None}
        return (
            tensors if self.beside is None else {"state_dict": tensors, **self.beside}
        )


@pytest.fixture(scope="session")
def made():
    """Returns a function from a name in `NETWORKS` to the network computed by hand."""
    known = {}

    def make(name) -> Made:
        if name not in known:
            network, prefix, beside = NETWORKS[name]
            net = Torch(prefix)
            images = np.random.default_rng(1).normal(size=(2, 32, 32, 3))
            images = images.astype("float32")
            known[name] = Made(net.tensors, images, network(net, images), beside)
        return known[name]

    return make


class _Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


@pytest.fixture
def write_torch(monkeypatch):
    """Returns a function that writes arrays and plain data as `torch.save` does."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def rebuild(*_):
        raise AssertionError("nothing in a file is called")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    rebuild.__name__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2, torch._utils = rebuild, utils
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def write(path, data):
        storages = []

        class Pickler(pickle.Pickler):
            def persistent_id(self, item):
                if not isinstance(item, _Storage):
                    return None
                kind = "Float" if item.array.dtype == "float32" else "Long"
                kind = getattr(torch, f"{kind}Storage")
                return ("storage", kind, item.key, "cpu", item.array.size)

            def reducer_override(self, item):
                if not isinstance(item, np.ndarray):
                    return NotImplemented
                storage = _Storage(str(len(storages)), np.ascontiguousarray(item))
                storages.append(storage)
                strides = tuple(n // item.itemsize for n in storage.array.strides)
                order = collections.OrderedDict()
                strides = strides if item.ndim else ()
                return rebuild, (storage, 0, item.shape, strides, False, order)

        with zipfile.ZipFile(path, "w") as archive, monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", torch)
            patch.setitem(sys.modules, "torch._utils", utils)
            with archive.open("archive/data.pkl", "w") as file:
                Pickler(file, protocol=2).dump(data)
            for storage in storages:
                archive.writestr(f"archive/data/{storage.key}", storage.array.tobytes())
        return path

    return write
