"""The handwritten digits included in the package."""

import io
from importlib import resources

import numpy as np

from resnet_tf.config import DataConfig
from resnet_tf.data.cache import Arrays
from resnet_tf.data.split import DataSource, Split

NUM_TEST = 360


class Digits(DataSource):
    """The handwritten digits, which are decoded in milliseconds.

    1,797 digits of 8x8 pixels with 17 gray levels. Each pixel becomes 4x4 pixels, 0 to
    255, in three equal channels. The stored permutation is stratified: 1,437 training
    and validation images (by default the last 180 validate), then 360 test images.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
    Digits", UCI Machine Learning Repository, 1998,
    https://doi.org/10.24432/C50P49, CC BY 4.0.
    """

    is_cached = False

    def decode(self, test: bool) -> Arrays:
        """Returns the test images or all other images, in their stored order."""
        blob = resources.files(__package__).joinpath("digits.npz").read_bytes()
        with np.load(io.BytesIO(blob), allow_pickle=False) as stored:
            order = stored["order"][-NUM_TEST:] if test else stored["order"][:-NUM_TEST]
            small = stored["images"][order].astype(np.uint16)
            labels = stored["labels"][order].astype(np.int32)
        large = np.kron(small * 255 // 16, np.ones((1, 4, 4), np.uint16))
        images = np.repeat(large[..., np.newaxis], 3, axis=-1).astype(np.uint8)
        return images, labels


def load(test: bool) -> Split:
    """Returns the test images or all other images."""
    digits = Digits(DataConfig(dataset="digits"))
    name = "test" if test else "train"
    return Split(name, *digits.decode(test), digits.class_names)
