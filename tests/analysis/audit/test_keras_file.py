import json
import zipfile

import keras
import numpy as np
import pytest

from resnet_tf import ModelConfig, build_resnet
from resnet_tf.analysis.audit.keras_file import load_keras_file
from resnet_tf.errors import CheckpointError
from tests.analysis.audit.user_networks import user_resnet

layers = keras.layers


def save(path, *chain, **compile_options):
    """Saves a sequential model of the layers, for images with side 8."""
    x = images = keras.Input((8, 8, 3))
    for layer in chain:
        x = layer(x)
    model = keras.Model(images, x)
    if compile_options:
        model.compile(**compile_options)
    model.save(path)
    return path


def rewrite(path, change):
    """Applies `change` to the text of the config in a file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = change(parts["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def refused(path) -> str:
    """Returns the one-line error for the file."""
    with pytest.raises(CheckpointError) as caught:
        load_keras_file(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize("make", [user_resnet, build_resnet])
def test_a_file_of_known_layers(make, images, tmp_path):
    model = make(1) if make is user_resnet else make(ModelConfig(num_residual_blocks=1))
    model.trainable = False
    model.save(tmp_path / "m.keras")
    again = load_keras_file(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(images), model(images))
    assert len(again.trainable_weights) > 0
    assert len(again.non_trainable_weights) == 14


def test_slices_are_allowed(tmp_path):
    path = save(tmp_path / "m.keras", lambda x: x[:, ::2, ::2])
    assert load_keras_file(path).output_shape == (None, 4, 4, 3)


def test_a_custom_loss_does_not_matter(tmp_path):
    def own_loss(labels, outputs):
        return keras.ops.mean(outputs)

    path = save(tmp_path / "m.keras", layers.Dense(2), loss=own_loss)
    assert not load_keras_file(path).compiled


def test_a_lambda_layer_is_refused(tmp_path):
    path = save(tmp_path / "m.keras", layers.Lambda(lambda x: x * 2))
    assert "not hold Lambda layers" in refused(path)


def test_a_lambda_within_another_layer_is_refused(tmp_path):
    inner = keras.Sequential([layers.Dense(2), layers.Lambda(lambda x: x)])
    assert "not hold Lambda layers" in refused(save(tmp_path / "m.keras", inner))


def twice(x):
    return 2 * x


def test_a_custom_function_is_refused(tmp_path):
    path = save(tmp_path / "m.keras", layers.Activation(twice))
    assert "cannot be read as a .keras file" in refused(path)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_lambda_as_activation_is_refused(tmp_path):
    path = save(tmp_path / "m.keras", layers.Activation(lambda x: x))
    assert "cannot be read as a .keras file" in refused(path)


def test_code_instead_of_a_function_is_refused(tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2, activation="relu"))
    code = '{"class_name": "__lambda__", "config": {"value": ["", null, null]}}'
    rewrite(path, lambda text: text.replace('"relu"', code))
    assert "not hold Lambda layers" in refused(path)


def test_a_registered_custom_layer_is_refused(tmp_path):
    @keras.saving.register_keras_serializable(package="mine")
    class Own(layers.Layer):
        def call(self, inputs):
            return inputs

    path = save(tmp_path / "m.keras", Own())
    with keras.saving.custom_object_scope({"mine>Own": Own}):
        message = refused(path)
    assert message.endswith("layers of Keras and resnet_tf only, received "
                            f"{__name__}.Own")  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("keras_hub.layers", "Dense"), ("kerasx", "Dense")],
)
def test_another_module_is_refused(module, name, tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    entry = '"module": "keras.layers", "class_name": "Dense"'
    rewrite(
        path,
        lambda text: text.replace(
            entry, f'"module": "{module}", "class_name": "{name}"'
        ),
    )
    assert refused(path).endswith(f"received {module}.{name}")


def test_keras_objects_other_than_layers_are_refused(tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    entry = '"module": "keras.layers", "class_name": "Dense"'
    other = '"module": "keras.utils", "class_name": "get_file"'
    rewrite(path, lambda text: text.replace(entry, other))
    assert "cannot be read as a .keras file" in refused(path)


def test_a_missing_file(tmp_path):
    assert refused(tmp_path / "m.keras").endswith("is missing")


@pytest.mark.parametrize("data", [b"", b"not a zip"])
def test_a_file_that_is_not_a_zip_file(data, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(data)
    assert "cannot be read as a .keras file" in refused(path)


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '{"config": 1}'])
def test_a_damaged_config(text, tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    rewrite(path, lambda _: text)
    refused(path)


def test_weights_of_another_shape(tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    rewrite(path, lambda text: text.replace('"units": 2', '"units": 5'))
    assert "cannot be read as a .keras file" in refused(path)


def test_a_single_layer_is_not_a_model(tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    dense = keras.saving.serialize_keras_object(layers.Dense(2))
    rewrite(path, lambda _: json.dumps(dense))
    refused(path)


def test_an_oversized_config(monkeypatch, tmp_path):
    path = save(tmp_path / "m.keras", layers.Dense(2))
    monkeypatch.setattr("resnet_tf.analysis.audit.keras_file._MAX_CONFIG_BYTES", 100)
    assert "of at most 100 bytes" in refused(path)
