"""The exported model: from images as they are stored to logits and probabilities."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.config import DataConfig
from resnet_tf.data.pipeline import normalize

IMAGES, LOGITS, PROBABILITIES = "images", "logits", "probabilities"

# From uint8 (N, side, side, 3) to float32 (N, classes) by name of the output.
Runner = Callable[[np.ndarray], dict[str, np.ndarray]]


class Classifier(keras.Model):
    """A network with its preprocessing before it and the softmax behind it.

    Args:
        network: From normalised images to logits, optimised for inference.
        data: How images are fitted and normalised.
        temperature: What logits are divided by before the softmax.

    Call arguments:
        images: uint8 tensor (N, side, side, 3), RGB, of `data.stored_side`.

    Returns:
        A dict of float32 tensors (N, classes), "logits" and "probabilities".

    Raises:
        InvalidArgumentError: If the images have another size; in an exported
            file, the error of its runtime.
    """

    def __init__(
        self, network: keras.Model, data: DataConfig, temperature: float, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.network = network
        self.data = data
        self.temperature = temperature
        side = data.stored_side
        self(np.zeros((1, side, side, 3), np.uint8))

    def call(self, images):
        # As float32, because LiteRT does not resize uint8.
        images = tf.cast(self._of_the_side(images), tf.float32)
        logits = self.network(normalize(images, self.data), training=False)
        probabilities = tf.nn.softmax(logits / self.temperature)
        return {LOGITS: logits, PROBABILITIES: probabilities}

    def _of_the_side(self, images):
        """Returns the images; running it fails if they have another size.

        SavedModel and LiteRT do not check a call against the signature, and most
        networks give logits for any size. A concatenation needs equal sizes in
        every runtime, and no converter removes it.
        """
        side = self.data.stored_side
        one = tf.zeros((1, side, side, 3), images.dtype)
        return tf.concat([images, one], axis=0)[:-1]

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The images of a call, of any number."""
        side = self.data.stored_side
        return [tf.TensorSpec((None, side, side, 3), tf.uint8, IMAGES)]

    def get_config(self):
        raise NotImplementedError("a Classifier is exported, not saved")
