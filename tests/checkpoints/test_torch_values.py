"""Objects of other packages in a file: some are read, others are only named."""

import numpy as np
import pytest

from resnet_tf.checkpoints.state_dict import find_weights, read_weights
from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.errors import CheckpointError
from tests.checkpoints.test_torch_file import (
    Global,
    Made,
    as_legacy,
    storage,
    tensor,
)

FIRST = "layer1.0.conv1.weight"
VALUES = np.arange(4, dtype="float32")


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


@pytest.fixture
def written(tmp_path):
    """Returns a function that writes an object, with one tensor, to a file."""
    stored = storage("0", VALUES)

    def write(made):
        path = tmp_path / "x.pth"
        as_legacy(path, made(tensor(stored, (4,), (1,))), [stored])
        return path

    return write


# The packages' dicts are pickled as items with a state or arguments.
DICTS = {
    "easydict.EasyDict": lambda items: Made(
        Global("easydict", "EasyDict"), (), items, {**items}
    ),
    "addict.addict.Dict": lambda items: Made(
        Global("addict.addict", "Dict"), (*items.items(),), items
    ),
    "box.box.Box": lambda items: Made(
        Global("box.box", "Box"), (), items, {"_box_config": {"frozen_box": False}}
    ),
    "my_project.Config": lambda items: Made(Global("my_project", "Config"), (), items),
}


@pytest.mark.parametrize("kind", DICTS)
def test_a_subclass_of_dict_is_data(kind, written):
    path = written(lambda x: {"state": DICTS[kind]({"net": {FIRST: x}}), "epoch": 3})
    found = read_weights(path)
    assert (found.key, list(found.tensors)) == ("state.net", [FIRST])
    np.testing.assert_array_equal(found.tensors[FIRST], VALUES)


def state_of(module: str, name: str):
    return lambda x: Made(Global(module, name), (), None, {"params": {FIRST: x}})


HIDDEN = [
    (lambda x: {"model": state_of("m", "State")(x)}, "'m.State' under the key 'model'"),
    (lambda x: state_of("m", "State")(x), "'m.State' at the top"),
    (lambda x: {"a": [{"b": state_of("collections", "UserDict")(x)}]},
     "'collections.UserDict' under the key 'a.0.b'"),
    (lambda x: {"a": Made(Global("m", "Pair"), (1, {FIRST: x}))},
     "'m.Pair' under the key 'a'"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "where"), HIDDEN)
def test_an_object_that_hides_tensors_is_named(made, where, written):
    path = written(made)
    with pytest.raises(CheckpointError, match=where) as caught:
        read_weights(path)
    message = f"{path}: it holds tensors in an object of the type {where}, which is not"
    assert str(caught.value).startswith(message)


def test_an_object_without_tensors_does_not_count(written):
    made = Made(Global("m", "State"), (), None, {"epoch": 3})
    path = written(lambda x: {"a": made, FIRST.replace("conv1", "other"): x})
    read = read_torch(path)
    assert not read["a"].hides_tensors
    assert len(find_weights(read).tensors) == 1
