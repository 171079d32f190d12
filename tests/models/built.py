"""Networks that many tests look at and none changes."""

import functools

import keras

from resnet_tf import build_model


@functools.cache
def built(name: str) -> keras.Model:
    """Returns a registered network with the outputs of its stages, built once."""
    return build_model(name, features=True)
