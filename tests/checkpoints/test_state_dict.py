"""The search for the weights in a file with other content."""

import numpy as np
import pytest

from resnet_tf.checkpoints.state_dict import find_weights
from resnet_tf.checkpoints.torch_values import Opaque
from resnet_tf.errors import CheckpointError

FIRST, HEAD = "layer1.0.conv1.weight", "fc.weight"
ONE, TWO = np.ones((2, 2), "f4"), np.full((2, 2), 2, "f4")
NET = {FIRST: ONE, HEAD: TWO}


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


def under(prefix: str, tensors=NET) -> dict:
    return {prefix + name: x for name, x in tensors.items()}


KEYS = """net model model_state_dict ema_state_dict checkpoint state_dict weights params
my_own""".split()


@pytest.mark.parametrize("key", KEYS)
def test_any_key(key):
    for data in (
        {key: NET},
        {"outer": {key: NET}, "epoch": 3},
        {"outer": [{key: NET}]},
    ):
        found = find_weights(data)
        assert found.tensors == NET and found.passed_over == ()
        assert found.key.endswith(key)


PREFIXES = """module. _orig_mod. model. net. backbone. encoder. module.model.
model.module._orig_mod.net. module.module. _orig_mod.module.encoder.""".split()


@pytest.mark.parametrize("prefix", PREFIXES)
def test_any_prefix(prefix):
    found = find_weights({"state_dict": under(prefix)})
    assert found.tensors == NET and found.key == f"state_dict.{prefix[:-1]}"


def test_wrappers_inside_the_names():
    names = ("layer1._orig_mod.0.module.conv1.weight", "_orig_mod.fc.weight")
    found = find_weights(dict(zip(names, (ONE, TWO), strict=True)))
    assert found.tensors == NET


BESIDE = """n_averaged criterion.weight loss_fn.weight train_acc.total metric.confmat
val_metrics.auroc center_loss.centers""".split()


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", BESIDE)
def test_counters_criteria_and_metrics_are_skipped(name, prefix):
    found = find_weights({**under(prefix), name: ONE})
    assert found.tensors == NET and found.passed_over == (name,)


def test_unused_values_are_ignored():
    beside = {"path": Opaque("pathlib.PosixPath"), "epoch": 3, 5: {0: {"step": ONE}}}
    assert find_weights({**NET, **beside}).tensors == NET
    assert find_weights({"net": NET, **beside}).tensors == NET


OTHER = {FIRST: TWO, HEAD: TWO}


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ({"model": NET, "ema_state_dict": OTHER}, ("model", "ema_state_dict")),
        ({"a": {"student": NET, "teacher": OTHER}}, ("a.student", "a.teacher")),
        ({**under("net."), **under("ema.module.", OTHER)}, ("net", "ema.module")),
        ({**NET, **under("ema.", OTHER)}, (".", "ema")),
    ],
)
def test_several_networks(data, keys):
    with pytest.raises(CheckpointError, match="it holds 2 networks: choose one") as e:
        find_weights(data)
    assert all(repr(key) in str(e.value) for key in keys)
    first, second = (find_weights(data, key).tensors for key in keys)
    assert (first, second) == (NET, OTHER)
    with pytest.raises(CheckpointError, match="key must be one of .*, received 'x'"):
        find_weights(data, "x")


def test_the_beginning_of_a_key():
    data = {"model": {"net": NET}, "ema": {"net": OTHER}}
    assert find_weights(data, "ema").tensors == OTHER


def test_the_same_network_twice_counts_once():
    copy = {name: x.copy() for name, x in NET.items()}
    assert find_weights({"model": NET, "best": NET, "ema": copy}).tensors == NET


def test_a_layer_outside_of_the_network():
    data = {**under("backbone."), "head.weight": ONE}
    with pytest.raises(CheckpointError, match="the layer 'head.weight' outside of the"):
        find_weights(data)
    assert find_weights(data, "backbone").passed_over == ("head.weight",)


def test_a_tensor_with_two_names():
    twice = {**NET, "module.fc.weight": ONE}
    with pytest.raises(CheckpointError, match="'fc.weight' must have one name"):
        find_weights(twice)


def test_other_tensors_are_found_too():
    assert find_weights({"a": ONE}).tensors == {"a": ONE}
    assert list(find_weights({"module.a": ONE, "module.b": ONE}).tensors) == ["a", "b"]


@pytest.mark.parametrize("data", [[1], {}, {"epoch": 3}, (), 5, Opaque("m.f")])
def test_no_tensors(data):
    with pytest.raises(CheckpointError, match="a state dict must be tensors by name"):
        find_weights(data)


def test_a_whole_network_is_refused_with_the_conversion():
    network = Opaque("torchvision.models.resnet.ResNet", is_module=True)
    optimizer = {"state": {0: {"momentum_buffer": ONE}}}
    for data, part in ((network, ""), ({"net": network, "o": optimizer}, '["net"]')):
        with pytest.raises(CheckpointError) as caught:
            find_weights(data)
        assert "whole pickled network (torchvision.models.resnet.ResNet)" in str(
            caught.value
        )
        assert str(caught.value).endswith(
            "python -c 'import torch; torch.save(torch.load("
            f'"x.pth", map_location="cpu", weights_only=False){part}.state_dict(), '
            '"x_state_dict.pth")\''
        )
