"""The registered networks: a name for each network of the comparison.

A network is a set of values of `ModelConfig`. The families `resnet` and
`densenet` have settings of their own; the others are one network each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from resnet_tf.errors import SettingError

# The CIFAR families with a depth to choose.
RESNET, DENSENET = "resnet", "densenet"
# UvA Deep Learning tutorial 5, https://uvadlc-notebooks.readthedocs.io.
UVA = ("uva_googlenet", "uva_resnet", "uva_preact", "uva_densenet")
# The widths of the ImageNet networks, with a stem for 32x32 pixels (kuangliu's
# pytorch-cifar) and with their own for 224x224.
WIDE_CIFAR = ("resnet18_cifar", "resnet34_cifar", "densenet121_cifar")
IMAGENET = ("resnet18", "densenet121")

# The layer of every network that gives the logits.
HEAD = "logits"

FAMILIES = (RESNET, DENSENET, *UVA, *WIDE_CIFAR, *IMAGENET)

# Settings of a registered network that may be given another value beside its
# name; all others make it another network.
FREE = frozenset({"order", "shortcut", "stride_padding"})


# Option A of He et al. 2015, section 3.3: a shortcut steps over every second pixel
# and appends zero channels, as in fb.resnet.torch, whose convolutions of stride 2
# pad both sides. The TF1 original and the released models have "A-pool" and "end",
# which is another function with the same weights.
PAPER_SHORTCUT = MappingProxyType({"shortcut": "A-append", "stride_padding": "both"})

# What a residual network with bottlenecks must have.
BOTTLENECK = MappingProxyType({"order": "pre", "shortcut": "B"})


def residual_layers(num_residual_blocks: int, bottleneck: bool) -> int:
    """Returns the depth of a residual network: 6n+2, or 9n+2 with bottlenecks."""
    return (9 if bottleneck else 6) * num_residual_blocks + 2


def _resnet(n: int) -> dict[str, Any]:
    return {
        "model": RESNET,
        "num_residual_blocks": n,
        "order": "post",
        "bottleneck": False,
        **PAPER_SHORTCUT,
    }


def _preact_bottleneck(n: int) -> dict[str, Any]:
    return {
        "model": RESNET,
        "num_residual_blocks": n,
        "bottleneck": True,
        **BOTTLENECK,
        "stride_padding": "both",
    }


def _densenet(depth: int, k: int, bc: bool = False, stem: int | None = None):
    return {
        "model": DENSENET,
        "depth": depth,
        "growth_rate": k,
        "bottleneck": bc,
        "compression": 0.5 if bc else 1.0,
        "stem_filters": stem,
    }


_NETWORKS = {
    # He et al. 2015, section 4.2: 6n+2 layers.
    "resnet20": _resnet(3),
    "resnet32": _resnet(5),
    "resnet44": _resnet(7),
    "resnet56": _resnet(9),
    "resnet110": _resnet(18),
    "resnet1202": _resnet(200),
    # He et al. 2016, "Identity Mappings": bottlenecks, 9n+2 layers.
    "preact164": _preact_bottleneck(18),
    "preact1001": _preact_bottleneck(111),
    # Huang et al. 2016, table 2; the authors' own code starts with 24 channels.
    "densenet40_k12": _densenet(40, 12),
    "densenet40_k12_stem24": _densenet(40, 12, stem=24),
    "densenet100_k12": _densenet(100, 12),
    "densenet100_k24": _densenet(100, 24),
    "densenet_bc100_k12": _densenet(100, 12, bc=True),
    "densenet_bc250_k24": _densenet(250, 24, bc=True),
    "densenet_bc190_k40": _densenet(190, 40, bc=True),
    # The authors' wide variants, https://github.com/liuzhuang13/DenseNet.
    "densenet_bc40_k36": _densenet(40, 36, bc=True),
    "densenet_bc40_k48": _densenet(40, 48, bc=True),
    "densenet_bc40_k60": _densenet(40, 60, bc=True),
    **{name: {"model": name} for name in (*UVA, *WIDE_CIFAR, *IMAGENET)},
}
NETWORKS = MappingProxyType(
    {name: MappingProxyType(values) for name, values in _NETWORKS.items()}
)


CIFAR_SIDE = 32


def input_side(model: str) -> int:
    """Returns the height and width of the images that a family was made for."""
    return 224 if model in IMAGENET else CIFAR_SIDE


def require_same_network(name: str, given: Mapping[str, Any]) -> None:
    """Raises unless the given settings leave a registered network what it is.

    Raises:
        SettingError: If one makes it another.
    """
    for key, value in NETWORKS[name].items():
        if key not in FREE | {"model"} and given.get(key, value) != value:
            raise SettingError(
                f"{key} must be {value} for model={name}, received {given[key]}"
            )
