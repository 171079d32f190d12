"""Classic mistakes made between training a network and using it.

Each mistake is a way to use a checkpoint that differs from its config. If a network
works better that way, the mistake was made.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resnet_tf.config import COARSE, DATASETS, RESNET, ExperimentConfig
from resnet_tf.config.datasets import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Mistake:
    """One way to use a checkpoint.

    Attributes:
        name: Short name.
        words: Description of the fault, if this way is the right one.
        pixels: Function from uint8 images (N, H, W, 3) to changed uint8 images.
        data: `DataConfig` fields to replace.
        model: `ModelConfig` fields to replace.
    """

    name: str
    words: str
    pixels: Callable[[np.ndarray], np.ndarray] = lambda images: images
    data: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, config: ExperimentConfig) -> ExperimentConfig:
        """Returns the config with the replaced fields."""
        return dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, **self.data),
            model=dataclasses.replace(config.model, **self.model),
        )


def classic_mistakes(config: ExperimentConfig) -> list[Mistake]:
    """Returns the mistakes that are possible for a checkpoint with this config."""
    ways = [*_normalizations(config.data.dataset), *_PIXELS, *_networks(config)]
    return [way for way in ways if way in _PIXELS or way.applied(config) != config]


_PIXELS = (
    Mistake(
        "BGR",
        "the channels of its training images were in the order BGR instead of RGB",
        lambda images: images[..., ::-1],
    ),
    Mistake(
        "transposed",
        "rows and columns of its training images were swapped",
        lambda images: images.swapaxes(1, 2),
    ),
    Mistake(
        "planes",
        "its training images were stored channel by channel but read pixel by pixel "
        "(a reshape instead of a transpose)",
        lambda images: images.transpose(0, 3, 1, 2).reshape(images.shape),
    ),
)


def _normalizations(dataset: str) -> list[Mistake]:
    """Returns the other normalizations of the pixels."""
    ways = [
        Mistake(
            "whitened",
            "its training images were whitened, each to mean 0 and deviation 1, but "
            "config.json says otherwise",
            data={
                "normalization": "whitening",
                "channel_mean": None,
                "channel_std": None,
            },
        ),
        _scaled(
            "0 to 255",
            "it was trained on pixels from 0 to 255, without normalization",
            (0.0,) * 3,
            (1 / 255,) * 3,
        ),
        _scaled(
            "0 to 1",
            "it was trained on pixels divided by 255, without mean and deviation",
            (0.0,) * 3,
            (1.0,) * 3,
        ),
        _scaled(
            "-1 to 1",
            "it was trained on pixels scaled to -1 to 1",
            (0.5,) * 3,
            (0.5,) * 3,
        ),
        _scaled(
            "ImageNet's mean",
            "it was trained with ImageNet's mean and deviation",
            IMAGENET_MEAN,
            IMAGENET_STD,
        ),
    ]
    for name, row in DATASETS.items():
        whose = f"{name}'s"
        words = f"it was trained with the mean and the deviation of {name}"
        # The data set with coarse labels has the same pixels as cifar100.
        other = dataset in ("cifar10", "cifar100") and name != COARSE
        if row.info and (name == dataset or other):
            ways.append(_scaled(f"{whose} mean", words, row.info.mean, row.info.std))
    return ways


def _scaled(name: str, words: str, mean, std) -> Mistake:
    data = {"normalization": "mean_std", "channel_mean": mean, "channel_std": std}
    return Mistake(name, f"{words}, but config.json says otherwise", data=data)


def _networks(config: ExperimentConfig) -> list[Mistake]:
    """Returns the other networks that the weights fit."""
    ways = [
        Mistake(
            "batch statistics",
            "the moving averages of batch norm do not match its weights: it works only "
            "with each batch's own statistics, so a prediction depends on the other "
            "images of the batch",
            model={"bn_eval": "batch"},
        ),
        Mistake(
            "moving averages",
            "it has good moving averages of batch norm, which bn_eval=batch in "
            "config.json ignores",
            model={"bn_eval": "moving"},
        ),
    ]
    if config.model.model == RESNET and not config.model.bottleneck:
        for padding, where in (("both", "on both sides"), ("end", "at the end only")):
            ways.append(
                Mistake(
                    f"padding {padding}",
                    f"it was trained with zeros {where} before convolutions of stride "
                    f"2 (stride_padding={padding}): with this config, each of its "
                    "feature maps is shifted by a pixel",
                    model={"stride_padding": padding},
                )
            )
    return ways
