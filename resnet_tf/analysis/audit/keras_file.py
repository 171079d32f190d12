"""Reads a user's `.keras` file; only known layers are allowed."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

import resnet_tf.layers
import resnet_tf.models.network  # noqa: F401  both register our Keras classes
from resnet_tf.analysis.audit.keras_size import require_affordable
from resnet_tf.config import parse_object
from resnet_tf.errors import CheckpointError, MissingCheckpointError

_CONFIG = "config.json"
_MAX_CONFIG_BYTES, _MAX_CONFIG_DEPTH = 64 * 2**20, 200


def load_keras_file(path: Path) -> keras.Model:
    """Returns the network in a `.keras` file, with all layers trainable.

    Args:
        path: A file written by `model.save`.

    Raises:
        CheckpointError: If the file is missing, is damaged or holds no network; if it
            names anything other than layers of Keras and of this package; if it has a
            Lambda layer, which contains code; or if the network is larger than the
            file.
    """
    network = _network(path)
    for item in _objects(network):
        _check(path, item)
    try:
        require_affordable(network, path.stat().st_size)
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can raise any error in Keras
        raise _unreadable(path, error) from error
    if not isinstance(model, keras.Model):
        raise CheckpointError(f"{path} must hold a model, received {type(model)}")
    # The audit counts frozen layers too.
    model.trainable = True
    return model


def _network(path: Path) -> dict[str, Any]:
    """Returns the serialized network, without its training configuration."""
    config = _read_config(path)
    return {key: value for key, value in config.items() if key != "compile_config"}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(_CONFIG).file_size
            if size > _MAX_CONFIG_BYTES:
                raise CheckpointError(
                    f"{path} must have a {_CONFIG} of at most {_MAX_CONFIG_BYTES} "
                    f"bytes, received {size}"
                )
            content = archive.read(_CONFIG)
            return parse_object(content, _MAX_CONFIG_BYTES, _MAX_CONFIG_DEPTH)
    except FileNotFoundError as error:
        raise MissingCheckpointError(f"{path} is missing") from error
    except CheckpointError:
        raise
    except Exception as error:  # a damaged file can raise any error
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())[:200]
    return CheckpointError(f"{path} cannot be read as a .keras file: {reason}")


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yields every serialized object in a config, at any depth."""
    waiting = [config]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _check(path: Path, item: dict[str, Any]) -> None:
    """Raises unless an object belongs to Keras or to this package.

    Raises:
        CheckpointError: If it does not, or if it is a Lambda layer.
    """
    name, module = item["class_name"], item.get("module")
    if name in ("Lambda", "__lambda__"):
        raise CheckpointError(f"{path} must not hold Lambda layers: they are code")
    registered = str(item.get("registered_name") or "")
    ours = registered.startswith("resnet_tf>") and (
        keras.saving.get_registered_object(registered) is not None
    )
    kerass = module in (None, "builtins", "keras") or str(module).startswith("keras.")
    if not ours and (not kerass or ">" in registered):
        raise CheckpointError(
            f"{path} must hold layers of Keras and resnet_tf only, received "
            + (f"{module}.{name}" if module else str(name))
        )
