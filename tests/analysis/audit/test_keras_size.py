"""Tests that the cost of an untrusted config is checked before it is built."""

import json
import tracemalloc
import zipfile

import keras
import pytest

from resnet_tf.analysis.audit import keras_size
from resnet_tf.analysis.audit.keras_file import load_keras_file
from resnet_tf.errors import CheckpointError

layers = keras.layers


def claimed(path, *chain, small, large, shape=(8, 8, 3)):
    """Saves a small network whose config claims a large one."""
    x = images = keras.Input(shape)
    for layer in chain:
        x = layer(x)
    keras.Model(images, x).save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    text = parts["config.json"].decode()
    assert small in text
    parts["config.json"] = text.replace(small, large).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def refused(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_keras_file(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


CLAIMS = [
    ([layers.Dense, 2], "units", (8, 8, 3)),
    ([layers.Conv2D, 2, 3], "filters", (8, 8, 3)),
    ([layers.Conv2DTranspose, 2, 3], "filters", (8, 8, 3)),
    ([layers.Embedding, 2, 3], "input_dim", (8,)),
    ([layers.LSTM, 2], "units", (4, 3)),
    ([layers.GRU, 2], "units", (4, 3)),
    ([layers.EinsumDense, "abc,cd->abd", (4, 2)], "output_shape", (4, 3)),
]


@pytest.mark.parametrize(("made", "key", "shape"), CLAIMS, ids=lambda x: str(x)[:40])
def test_a_large_network_in_a_small_file(made, key, shape, tmp_path):
    kind, *arguments = made
    small, large = f'"{key}": 2', f'"{key}": 200000'
    if kind is layers.EinsumDense:
        small, large = '"output_shape": [4, 2]', '"output_shape": [4, 200000]'
    chain = [kind(*arguments)]
    path = claimed(tmp_path / "m.keras", *chain, small=small, large=large, shape=shape)
    tracemalloc.start()
    try:
        message = refused(path)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert "weights must be in the file, which has only" in message


def nested(depth: int) -> keras.Model:
    """Returns nested networks, each of which calls its inner network twice."""
    images = keras.Input((2,))
    model = keras.Model(images, layers.Activation("relu")(images))
    for _ in range(depth):
        images = keras.Input((2,))
        model = keras.Model(images, model(model(images)))
    return model


def test_the_calls_of_nested_networks_are_counted():
    config = keras.saving.serialize_keras_object(nested(4))
    # Sixteen activations run, apart from the inputs and the networks themselves.
    assert 16 < keras_size._calls(config) < 200
    for _ in range(30):
        inner = {**config, "inbound_nodes": [1, 2]}
        config = {"class_name": "Functional", "config": {"layers": [inner]}}
    assert keras_size._calls(config) > keras_size.MAX_CALLS


def test_a_wide_network_is_refused_before_it_is_built(tmp_path):
    dense = {"class_name": "Dense", "module": "keras.layers", "config": {"name": "d"}}
    config = {"class_name": "Sequential", "module": "keras",
              "config": {"layers": [dense] * (keras_size.MAX_CALLS + 1)}}  # fmt: skip
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    assert "must call at most 10,000 layers" in refused(path)


@pytest.mark.parametrize(
    "item",
    [
        {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"class_name": "LSTM", "config": {"name": "l", "unroll": True}},
    ],
)
def test_layers_that_no_image_network_uses(item):
    with pytest.raises(ValueError, match="is not a layer of|must not unroll"):
        keras_size.require_affordable(item, 100)
