"""torchvision's networks, computed here only from their state dicts."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from resnet_tf.checkpoints.torchvision import NETWORKS, assign, num_classes
from resnet_tf.errors import CheckpointError
from resnet_tf.models import build_model

CLASSES = 7
SIDE = 64  # smaller than for ImageNet, with the same rounding at each stride
RESNET_WIDTHS = (64, 128, 256, 512)
DENSENET_LENGTHS = (6, 12, 24, 16)


class StateDict(dict):
    """Random tensors with PyTorch's names and layouts, which preserve the signal's
    scale.

    Attributes:
        counters: Whether batch norm has a counter of batches.
    """

    def __init__(self, counters: bool = True):
        super().__init__()
        self.counters = counters
        self._generator = np.random.default_rng(0)

    def conv(self, name, inputs, outputs, size):
        shape = (outputs, inputs, size, size)
        scale = (2 / (inputs * size * size)) ** 0.5
        self[f"{name}.weight"] = self._normal(shape, scale)

    def norm(self, name, channels):
        self[f"{name}.weight"] = self._uniform(channels)
        self[f"{name}.bias"] = self._normal(channels, 0.2)
        self[f"{name}.running_mean"] = self._normal(channels, 0.2)
        self[f"{name}.running_var"] = self._uniform(channels)
        if self.counters:
            self[f"{name}.num_batches_tracked"] = np.array(3, "int64")

    def linear(self, name, inputs):
        self[f"{name}.weight"] = self._normal((CLASSES, inputs), inputs**-0.5)
        self[f"{name}.bias"] = self._normal(CLASSES, 1.0)

    def _normal(self, shape, scale):
        return self._generator.normal(0, scale, shape).astype("float32")

    def _uniform(self, channels):
        return self._generator.uniform(0.5, 1.5, channels).astype("float32")


def resnet18_tensors() -> StateDict:
    tensors = StateDict()
    tensors.conv("conv1", 3, 64, 7)
    tensors.norm("bn1", 64)
    channels = 64
    for layer, width in enumerate(RESNET_WIDTHS, start=1):
        for block in range(2):
            name = f"layer{layer}.{block}"
            tensors.conv(f"{name}.conv1", channels, width, 3)
            tensors.norm(f"{name}.bn1", width)
            tensors.conv(f"{name}.conv2", width, width, 3)
            tensors.norm(f"{name}.bn2", width)
            if channels != width:
                tensors.conv(f"{name}.downsample.0", channels, width, 1)
                tensors.norm(f"{name}.downsample.1", width)
            channels = width
    tensors.linear("fc", 512)
    return tensors


def densenet121_tensors() -> StateDict:
    tensors = StateDict()
    tensors.conv("features.conv0", 3, 64, 7)
    tensors.norm("features.norm0", 64)
    channels = 64
    for block, length in enumerate(DENSENET_LENGTHS, start=1):
        for layer in range(1, length + 1):
            name = f"features.denseblock{block}.denselayer{layer}"
            tensors.norm(f"{name}.norm1", channels)
            tensors.conv(f"{name}.conv1", channels, 128, 1)
            tensors.norm(f"{name}.norm2", 128)
            tensors.conv(f"{name}.conv2", 128, 32, 3)
            channels += 32
        if block < len(DENSENET_LENGTHS):
            tensors.norm(f"features.transition{block}.norm", channels)
            tensors.conv(f"features.transition{block}.conv", channels, channels // 2, 1)
            channels //= 2
    tensors.norm("features.norm5", channels)
    tensors.linear("classifier", channels)
    return tensors


class Forward:
    """PyTorch's layers computed from a state dict, on (N, H, W, C)."""

    def __init__(self, tensors):
        self._tensors = tensors

    def conv(self, x, name, stride=1, padding=0):
        kernel = self._tensors[f"{name}.weight"].transpose(2, 3, 1, 0)
        x = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
        return tf.nn.conv2d(x, kernel, stride, "VALID").numpy()

    def norm(self, x, name):
        kinds = ("weight", "bias", "running_mean", "running_var")
        scale, offset, mean, variance = (self._tensors[f"{name}.{k}"] for k in kinds)
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + offset

    def norm_relu(self, x, name):
        return np.maximum(self.norm(x, name), 0)

    def max_pool(self, x):
        border = [(0, 0), (1, 1), (1, 1), (0, 0)]
        x = np.pad(x, border, constant_values=-np.inf)
        return tf.nn.max_pool2d(x, 3, 2, "VALID").numpy()

    def head(self, x, name):
        weight = self._tensors[f"{name}.weight"]
        return x.mean((1, 2)) @ weight.T + self._tensors[f"{name}.bias"]

    def resnet18(self, x):
        x = self.max_pool(self.norm_relu(self.conv(x, "conv1", 2, 3), "bn1"))
        for layer in range(1, 5):
            for block in range(2):
                name = f"layer{layer}.{block}"
                stride = 2 if layer > 1 and block == 0 else 1
                shortcut = x
                if stride == 2:
                    shortcut = self.conv(x, f"{name}.downsample.0", 2)
                    shortcut = self.norm(shortcut, f"{name}.downsample.1")
                x = self.conv(x, f"{name}.conv1", stride, 1)
                x = self.conv(self.norm_relu(x, f"{name}.bn1"), f"{name}.conv2", 1, 1)
                x = np.maximum(self.norm(x, f"{name}.bn2") + shortcut, 0)
        return self.head(x, "fc")

    def densenet121(self, x):
        x = self.norm_relu(self.conv(x, "features.conv0", 2, 3), "features.norm0")
        x = self.max_pool(x)
        for block, length in enumerate(DENSENET_LENGTHS, start=1):
            for layer in range(1, length + 1):
                name = f"features.denseblock{block}.denselayer{layer}"
                new = self.conv(self.norm_relu(x, f"{name}.norm1"), f"{name}.conv1")
                new = self.norm_relu(new, f"{name}.norm2")
                new = self.conv(new, f"{name}.conv2", 1, 1)
                x = np.concatenate([x, new], axis=-1)
            if block < len(DENSENET_LENGTHS):
                name = f"features.transition{block}"
                x = self.conv(self.norm_relu(x, f"{name}.norm"), f"{name}.conv")
                x = tf.nn.avg_pool2d(x, 2, 2, "VALID").numpy()
        return self.head(self.norm_relu(x, "features.norm5"), "classifier")


_MAKERS = {"resnet18": resnet18_tensors, "densenet121": densenet121_tensors}
HEADS = {"resnet18": "fc", "densenet121": "classifier"}
WEIGHTS = {"resnet18": 102, "densenet121": 606}


@functools.cache
def state_dict(network) -> StateDict:
    """Returns the tensors of a network, made once; tests change only copies."""
    return _MAKERS[network]()


@pytest.fixture(scope="module")
def built():
    """Returns a function from a name to a network for `CLASSES`, built once."""
    options = {"num_classes": CLASSES, "input_shape": (SIDE, SIDE, 3)}
    return functools.cache(lambda name: build_model(name, **options))


@pytest.mark.parametrize("network", NETWORKS)
def test_equal_logits(network, built):
    tensors, model = state_dict(network), built(network)
    assert assign(model, tensors) == WEIGHTS[network]
    images = np.random.default_rng(1).normal(size=(2, SIDE, SIDE, 3)).astype("float32")
    expected = getattr(Forward(tensors), network)(images)
    logits = model(images).numpy()
    assert expected.shape == (2, CLASSES) and np.ptp(expected[0] - expected[1]) > 0.1
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())


def test_the_names_of_the_published_densenet121(built):
    new = state_dict("densenet121")
    old = {}
    for name, tensor in new.items():
        if ".denselayer" in name:
            for part in ("norm1", "norm2", "conv1", "conv2"):
                name = name.replace(part, f"{part[:-1]}.{part[-1]}")
        if not name.endswith("num_batches_tracked"):
            old[name] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert "features.norm0.weight" in old
    model, assigned = built("densenet121"), []
    for tensors in (new, old):
        for weight in model.weights:
            weight.assign(np.zeros(weight.shape))
        assert assign(model, tensors) == 606
        assigned.append([weight.numpy() for weight in model.weights])
    for one, other in zip(*assigned, strict=True):
        np.testing.assert_array_equal(one, other)
    both = old | {"features.denseblock1.denselayer1.norm1.weight": np.ones(64)}
    with pytest.raises(CheckpointError, match="norm1.weight must have one name"):
        assign(model, both)


@pytest.mark.parametrize("network", NETWORKS)
def test_without_the_head(network):
    model = build_model(network, num_classes=3)
    tensors = state_dict(network)
    start = [weight.numpy() for weight in model.weights[-2:]]
    assert num_classes(network, tensors) == CLASSES
    assert assign(model, tensors, head=False) == WEIGHTS[network] - 2
    for weight, value in zip(model.weights[-2:], start, strict=True):
        np.testing.assert_array_equal(weight, value)
    first = next(iter(tensors.values()))
    np.testing.assert_array_equal(model.weights[0], first.transpose(2, 3, 1, 0))
    bare = {k: v for k, v in tensors.items() if not k.startswith(HEADS[network])}
    assert assign(model, bare, head=False) == WEIGHTS[network] - 2


def _without(name):
    return lambda tensors: tensors.pop(name)


def _with(name, value):
    return lambda tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without("layer1.1.bn2.running_var"), "the tensor layer1.1.bn2.running_var"),
        (
            _without("layer2.0.downsample.0.weight"),
            "must have the tensor layer2.0.down",
        ),
        (_without("fc.bias"), "must have the tensor fc.bias"),
        (
            _with("layer1.2.conv1.weight", np.zeros((64, 64, 3, 3))),
            "must have no tensor 'layer1.2.conv1.weight'",
        ),
        (
            _with("layer2.0.conv1.weight", np.zeros((64, 128, 3, 3))),
            r"must have the shape \(128, 64, 3, 3\), received \(64, 128, 3, 3\)",
        ),
        (
            _with("fc.weight", np.zeros((1000, 512))),
            r"the tensor fc.weight must have the shape \(7, 512\), received \(1000",
        ),
        (_with("bn1.bias", np.zeros(())), r"shape \(64,\), received \(\)"),
    ],
)
def test_another_network_is_refused_without_changes(harm, message, built):
    tensors, model = dict(state_dict("resnet18")), built("resnet18")
    start = [weight.numpy() for weight in model.weights]
    harm(tensors)
    with pytest.raises(CheckpointError, match=message) as caught:
        assign(model, tensors)
    assert "\n" not in str(caught.value)
    for weight, value in zip(model.weights, start, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_the_number_of_classes():
    assert num_classes("resnet18", {"fc.bias": np.zeros(1000)}) == 1000
    for tensors in ({}, {"classifier.bias": np.zeros(9)}, {"fc.bias": np.zeros(())}):
        with pytest.raises(CheckpointError, match="resnet18 must have .* fc.bias"):
            num_classes("resnet18", tensors)
