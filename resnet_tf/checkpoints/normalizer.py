"""The normalizer in a weight file: mean and standard deviation of the images.

`Sequential(Normalize(mean, std), network)` stores them as buffers next to the network.
They are a part of its function, so they determine the preprocessing.
"""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

# Endings of the name of a mean, and the endings of the matching deviation.
_PAIRS = {"mean": ("std", "stdev", "stddev", "stdv", "std_dev"), "mu": ("std", "sigma")}
_CHANNELS = 3
_TOLERANCE = 5e-4


class Normalizer(NamedTuple):
    """A normalizer: (pixel / 255 - mean) / std.

    Attributes:
        names: Names of the two tensors in the file.
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel, in (0, 1].
    """

    names: tuple[str, str]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def sentence(self) -> str:
        """The normalizer in words, for a note."""
        mean, std = self.names
        return (
            f"The file holds a normalizer, {mean!r:.80} and {std!r:.80}: "
            f"{values(self.mean, self.std)}"
        )

    def equals(self, mean: tuple | None, std: tuple | None) -> bool:
        """Returns whether other values agree to three decimals."""
        return (
            mean is not None
            and std is not None
            and np.allclose((self.mean, self.std), (mean, std), rtol=0, atol=_TOLERANCE)
        )


def values(mean: tuple | None, std: tuple | None) -> str:
    """Returns means and deviations in words; None stands for per-image values."""
    if mean is None or std is None:
        return "each image's own mean and std"
    first, second = (", ".join(f"{x:.4f}" for x in part) for part in (mean, std))
    return f"mean {first} and std {second}"


def find_normalizer(
    tensors: Mapping[str, np.ndarray], network: str = ""
) -> Normalizer | None:
    """Returns the normalizer among the tensors, or None.

    Args:
        tensors: All tensors by name.
        network: The prefix of the network's names, e.g. "1.". Of several normalizers,
            the one with the most similar name is used.
    """

    def likeness(found: Normalizer) -> int:
        return len(os.path.commonprefix([found.names[0], network]))

    return max(_normalizers(tensors), key=likeness, default=None)


def _normalizers(tensors: Mapping[str, np.ndarray]) -> Iterator[Normalizer]:
    for name, mean in tensors.items():
        for ending, others in _PAIRS.items():
            if not name.endswith(ending) or mean.size not in (1, _CHANNELS):
                continue
            for other in (name.removesuffix(ending) + x for x in others):
                std = tensors.get(other)
                if std is not None and std.size in (1, _CHANNELS):
                    scaled = _scaled(_channels(mean), _channels(std))
                    if scaled is not None:
                        yield Normalizer((name, other), *scaled)


def _channels(tensor: np.ndarray) -> np.ndarray:
    return np.broadcast_to(tensor.ravel().astype(np.float64), _CHANNELS)


def _scaled(mean: np.ndarray, std: np.ndarray) -> tuple[tuple, tuple] | None:
    """Returns values for pixels in [0, 1], None if they cannot be a normalizer's."""
    scale = 255 if max(mean.max(), std.max()) > 1 else 1
    mean, std = mean / scale, std / scale
    # Comparisons with NaN are false.
    if not (0 <= mean.min() and mean.max() <= 1 and 0 < std.min() and std.max() <= 1):
        return None
    return tuple(map(_short, mean)), tuple(map(_short, std))


def _short(value: float) -> float:
    """Returns the decimal number that was rounded to float32."""
    return float(f"{value:.7g}")
