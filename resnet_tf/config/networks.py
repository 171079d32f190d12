"""The registered networks, one per row.

The configs, the registry, the sizes, the audit and the tests read these rows. To add a
network, write one row here and one builder in `resnet_tf.models`.

The families `resnet` and `densenet` have their own settings and many rows. Every other
family is one network.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resnet_tf.errors import SettingError

# The CIFAR families whose depth is a setting.
RESNET, DENSENET = "resnet", "densenet"

# Name of the layer that computes the logits, in every network.
HEAD = "logits"

CIFAR_SIDE = 32

# The classes of the networks that the rows count.
PUBLISHED_CLASSES = 10

# The code of the UvA Deep Learning tutorial 5.
UVA_URL = "https://github.com/phlippe/uvadlc_notebooks"

# Settings in the rows below that can be changed without making another network.
FREE = frozenset({"order", "shortcut", "stride_padding"})

# Option A of He et al. 2015, section 3.3: a shortcut takes every second pixel and
# appends zero channels, as in fb.resnet.torch, whose convolutions of stride 2 pad both
# sides. The TF1 original and the released models use "A-pool" and "end", which compute
# a different function with the same weights.
PAPER_SHORTCUT = MappingProxyType({"shortcut": "A-append", "stride_padding": "both"})

# The values that a residual network with bottlenecks must have.
BOTTLENECK = MappingProxyType({"order": "pre", "shortcut": "B"})


@dataclass(frozen=True)
class Published:
    """The published reference of one network.

    Attributes:
        parameters: Exact number of trainable parameters with 10 classes, computed from
            the description in the source.
        macs: Exact number of multiply-adds in convolutions and dense layers for one
            image.
        figure: Number of parameters as the source prints it, e.g. "0.27M"; "" if it
            prints none.
        source: The paper or code that prints the figure or describes the network.
        figure_classes: Number of classes for which the figure holds.
        note: Explanation of other figures that a reader may know.
    """

    parameters: int
    macs: int
    figure: str
    source: str
    figure_classes: int = 10
    note: str = ""


@dataclass(frozen=True)
class Network:
    """One registered network.

    Attributes:
        values: Settings of `ModelConfig`; "model" is the family.
        builder: Module and function in `resnet_tf.models`, e.g. "resnet:build_resnet".
        published: The exact counts and their reference.
        settings: Names of the settings of `ModelConfig` that belong to some families
            only, this one among them. Settings of all families are not listed.
        side: Height and width of the images for which it was designed, in pixels.
        statistics: Number of moving averages of batch norm; 0 if it depends on the
            settings.
        features: Number of inputs of the head; 0 if it depends on the settings.
        error: Test error on CIFAR-10 that the authors report, in percent.
        recipe: The recipe with which the authors train it.
    """

    values: Mapping[str, Any]
    builder: str
    published: Published
    settings: frozenset[str] = frozenset()
    side: int = CIFAR_SIDE
    statistics: int = 0
    features: int = 0
    error: float | None = None
    recipe: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    @property
    def family(self) -> str:
        """The value of `ModelConfig.model`."""
        return self.values["model"]


def residual_layers(num_residual_blocks: int, bottleneck: bool) -> int:
    """Returns the depth of a residual network: 6n+2, or 9n+2 with bottlenecks."""
    return (9 if bottleneck else 6) * num_residual_blocks + 2


_HE = "He et al. 2015, arXiv:1512.03385, table 6"
_OPTION_A = (
    "its shortcuts are the paper's option A, every second pixel (A-append); A-pool, "
    "the average pooling of the TF1 original and of the released models, has the same "
    "counts and is another function"
)
_OSMR = "README of github.com/osmr/imgclsmob, tensorflow2, CIFAR-10"
_HUANG = "Huang et al. 2016, arXiv:1608.06993, table 2"
_WIDE = "authors' README, github.com/liuzhuang13/DenseNet"
_UVA = "UvA deep learning tutorial 5, uvadlc-notebooks.readthedocs.io"
_LAISIMIAO = "README of github.com/laisimiao/classification-cifar10-pytorch"
_DA2LITE = "model_zoo/README of github.com/da2so/DA2Lite"
_TORCHVISION = "torchvision documentation, num_params of the ImageNet weights"

# Settings that several families share.
_START = frozenset({"kernel_initializer", "head_initializer", "head_bias"})
_RECOMPUTATION = frozenset({"memory_efficient"})
_ACTIVATION = frozenset({"activation"})
_RESIDUAL = frozenset({"zero_init_residual", "stochastic_depth"})
_OF_RESNET = (
    _START
    | _RESIDUAL
    | set("num_residual_blocks order shortcut stride_padding bottleneck stem".split())
)
_OF_DENSENET = (
    _START
    | _RECOMPUTATION
    | set("depth growth_rate bottleneck compression stem_filters dropout_rate".split())
)


def _resnet(n: int, *counts: Any, bottleneck: bool = False, **published) -> Network:
    values: dict[str, Any] = {"model": RESNET, "num_residual_blocks": n}
    # Fixed: a whitened stem makes another network, which has no row.
    values["stem"] = "conv"
    values |= {"bottleneck": bottleneck, "order": "post", **PAPER_SHORTCUT}
    values |= BOTTLENECK if bottleneck else {}
    reference = Published(*counts, **published)
    return Network(values, "resnet:build_resnet", reference, _OF_RESNET)


def _he(n: int, *counts: Any) -> Network:
    return _resnet(n, *counts, source=_HE, note=_OPTION_A)


def _densenet(
    depth: int,
    growth_rate: int,
    *counts: Any,
    bottleneck: bool = False,
    stem: int | None = None,
    source: str = _HUANG,
    note: str = "",
) -> Network:
    values = {
        "model": DENSENET,
        "depth": depth,
        "growth_rate": growth_rate,
        "bottleneck": bottleneck,
        "compression": 0.5 if bottleneck else 1.0,
        "stem_filters": stem,
    }
    parameters, macs, figure = counts
    reference = Published(parameters, macs, figure, source, note=note)
    return Network(values, "densenet:build_densenet", reference, _OF_DENSENET)


_bc = functools.partial(_densenet, bottleneck=True)

_NETWORKS = {
    # He et al. 2015, section 4.2: 6n+2 layers.
    "resnet20": _he(3, 269_722, 40_551_040, "0.27M"),
    "resnet32": _he(5, 464_154, 68_862_592, "0.46M"),
    "resnet44": _he(7, 658_586, 97_174_144, "0.66M"),
    "resnet56": _he(9, 853_018, 125_485_696, "0.85M"),
    "resnet110": _he(18, 1_727_962, 252_887_680, "1.7M"),
    "resnet1202": _he(200, 19_421_274, 2_829_238_912, "19.4M"),
    # He et al. 2016, "Identity Mappings": bottlenecks, 9n+2 layers.
    "preact164": _resnet(
        18, 1_703_258, 244_500_992, "1,703,258", source=_OSMR, bottleneck=True
    ),
    "preact1001": _resnet(
        111,
        10_327_706,
        1_487_849_984,
        "10,327,706",
        bottleneck=True,
        source=_OSMR,
        note="Huang et al. 2016 (table 2) and Zagoruyko and Komodakis 2016 "
        "(arXiv:1605.07146, table 5) print 10.2M, to which its convolutions "
        "alone round: 10,175,920",
    ),
    # Huang et al. 2016, table 2; the authors' own code starts with 24 channels.
    "densenet40_k12": _densenet(40, 12, 1_019_722, 264_812_928, "1.0M"),
    "densenet40_k12_stem24": _densenet(
        40,
        12,
        1_059_298,
        282_917_328,
        "",
        stem=24,
        source="authors' code, github.com/liuzhuang13/DenseNet",
        note="the paper's 1.0M is the network with 16 channels in the stem",
    ),
    "densenet100_k12": _densenet(100, 12, 6_979_642, 1_769_516_448, "7.0M"),
    "densenet100_k24": _densenet(100, 24, 27_249_082, 6_889_347_744, "27.2M"),
    "densenet_bc100_k12": _bc(100, 12, 769_162, 287_929_692, "0.8M"),
    "densenet_bc250_k24": _bc(250, 24, 15_324_406, 5_418_785_724, "15.3M"),
    "densenet_bc190_k40": _bc(190, 40, 25_624_430, 9_301_945_740, "25.6M"),
    # The authors' wide variants, https://github.com/liuzhuang13/DenseNet.
    "densenet_bc40_k36": _bc(40, 36, 1_542_682, 647_298_936, "1.5M", source=_WIDE),
    "densenet_bc40_k48": _bc(40, 48, 2_733_130, 1_149_867_168, "2.7M", source=_WIDE),
    "densenet_bc40_k60": _bc(40, 60, 4_261_690, 1_795_836_360, "4.3M", source=_WIDE),
    # UvA Deep Learning tutorial 5, https://uvadlc-notebooks.readthedocs.io.
    "uva_googlenet": Network(
        {"model": "uva_googlenet"},
        "uva:build_uva_googlenet",
        Published(260_650, 79_643_904, "260,650", _UVA),
        settings=_ACTIVATION,
        statistics=2_624,
        features=128,
        error=10.30,
        recipe="uvadlc_adamw",
    ),
    "uva_resnet": Network(
        {"model": "uva_resnet"},
        "uva:build_uva_resnet",
        Published(272_378, 40_813_184, "272,378", _UVA),
        settings=_ACTIVATION | _RESIDUAL,
        statistics=1_376,
        features=64,
        error=8.94,
        recipe="uvadlc_sgd",
    ),
    "uva_preact": Network(
        {"model": "uva_preact"},
        "uva:build_uva_resnet",
        Published(272_250, 40_813_184, "272,250", _UVA),
        settings=_ACTIVATION | _RESIDUAL,
        statistics=1_344,
        features=64,
        error=8.93,
        recipe="uvadlc_sgd",
    ),
    "uva_densenet": Network(
        {"model": "uva_densenet"},
        "uva:build_uva_densenet",
        Published(239_146, 72_279_856, "239,146", _UVA),
        settings=_ACTIVATION | _RECOMPUTATION,
        statistics=7_920,
        features=184,
        error=9.77,
        recipe="uvadlc_adamw",
    ),
    # The widths of the ImageNet networks, with a stem for 32x32 pixels, as in
    # https://github.com/kuangliu/pytorch-cifar, and with the original stem for 224x224.
    "resnet18_cifar": Network(
        {"model": "resnet18_cifar"},
        "imagenet:build_imagenet_resnet",
        Published(11_173_962, 555_422_720, "11,173,962", _LAISIMIAO),
        settings=_START | _RESIDUAL,
        statistics=9_600,
        features=512,
    ),
    "resnet34_cifar": Network(
        {"model": "resnet34_cifar"},
        "imagenet:build_imagenet_resnet",
        Published(21_282_122, 1_159_402_496, "21.28M", _DA2LITE),
        settings=_START | _RESIDUAL,
        statistics=17_024,
        features=512,
    ),
    "densenet121_cifar": Network(
        {"model": "densenet121_cifar"},
        "imagenet:build_imagenet_densenet",
        Published(6_956_298, 888_350_720, "6,956,298", _LAISIMIAO),
        settings=_START | _RECOMPUTATION,
        statistics=83_520,
        features=1024,
    ),
    "resnet18": Network(
        {"model": "resnet18"},
        "imagenet:build_imagenet_resnet",
        Published(
            11_181_642, 1_813_566_464, "11,689,512", _TORCHVISION, figure_classes=1000
        ),
        settings=_START | _RESIDUAL,
        side=224,
        statistics=9_600,
        features=512,
    ),
    "densenet121": Network(
        {"model": "densenet121"},
        "imagenet:build_imagenet_densenet",
        Published(
            6_964_106, 2_833_147_904, "7,978,856", _TORCHVISION, figure_classes=1000
        ),
        settings=_START | _RECOMPUTATION,
        side=224,
        statistics=83_648,
        features=1024,
    ),
}
NETWORKS: Mapping[str, Network] = MappingProxyType(_NETWORKS)

# One row per family: all rows of a family share builder, settings and side.
FAMILIES: Mapping[str, Network] = MappingProxyType(
    {row.family: row for row in NETWORKS.values()}
)


def families_with(setting: str) -> tuple[str, ...]:
    """Returns the families that have a setting."""
    return tuple(name for name, row in FAMILIES.items() if setting in row.settings)


def require_same_network(name: str, given: Mapping[str, Any]) -> None:
    """Raises if the given settings would make a registered network a different one.

    Raises:
        SettingError: If a setting would do so.
    """
    for key, value in NETWORKS[name].values.items():
        if key not in FREE | {"model"} and given.get(key, value) != value:
            raise SettingError(
                f"{key} must be {value} for model={name}, received {given[key]}"
            )
