"""The commands in messages can be pasted into a shell."""

import pytest

from resnet_tf.checkpoints.hints import import_command, is_foreign


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("x.th", "x.th --output=x_imported"),
        ("a/model.pth.tar", "a/model.pth.tar --output=model_imported"),
        ("my net.PT", "'my net.PT' --output='my net_imported'"),
        ("-x.ckpt", "./-x.ckpt --output=./-x_imported"),
        ("x.safetensors", "x.safetensors --output=x_imported"),
    ],
)
def test_import_command(name, arguments):
    assert is_foreign(name)
    assert import_command(name) == f"python -m resnet_tf import {arguments}"


@pytest.mark.parametrize("name", ["model_20", "runs/x", "x.weights.h5", "imagenet"])
def test_own_names_are_not_foreign(name):
    assert not is_foreign(name)
