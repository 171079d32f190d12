"""What is published about each registered network, and our own integers.

`parameters` and `macs` are exact, by arithmetic from the description in the
paper or code named as the source, for 10 classes. `figure` is the count as it is
printed there.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from resnet_tf.config import unknown
from resnet_tf.errors import SettingError


@dataclass(frozen=True)
class Published:
    """The reference of one network.

    Attributes:
        parameters: Trainable parameters with 10 classes.
        macs: Multiply-adds of convolutions and dense layers for one image.
        figure: Parameters as printed, such as "0.27M"; "" where none is.
        source: Where it is printed, or the network described.
        figure_classes: Classes of the network that the figure is for.
        note: What a reader who knows other figures should know.
    """

    parameters: int
    macs: int
    figure: str
    source: str
    figure_classes: int = 10
    note: str = ""


_HE = "He et al. 2015, arXiv:1512.03385, table 6"
_OPTION_A = (
    "its shortcuts are the paper's option A, every second pixel (A-append); A-pool, "
    "the average pooling of the TF1 original and of the released models, has the same "
    "counts and is another function"
)
_HUANG = "Huang et al. 2016, arXiv:1608.06993, table 2"
_WIDE = "authors' README, github.com/liuzhuang13/DenseNet"
_OSMR = "README of github.com/osmr/imgclsmob, tensorflow2, CIFAR-10"
_UVA = "UvA deep learning tutorial 5, uvadlc-notebooks.readthedocs.io"
_LAISIMIAO = "README of github.com/laisimiao/classification-cifar10-pytorch"
_DA2LITE = "model_zoo/README of github.com/da2so/DA2Lite"
_TORCHVISION = "torchvision documentation, num_params of the ImageNet weights"


def _he(parameters: int, macs: int, figure: str) -> Published:
    return Published(parameters, macs, figure, _HE, note=_OPTION_A)


PUBLISHED = MappingProxyType(
    {
        "resnet20": _he(269_722, 40_551_040, "0.27M"),
        "resnet32": _he(464_154, 68_862_592, "0.46M"),
        "resnet44": _he(658_586, 97_174_144, "0.66M"),
        "resnet56": _he(853_018, 125_485_696, "0.85M"),
        "resnet110": _he(1_727_962, 252_887_680, "1.7M"),
        "resnet1202": _he(19_421_274, 2_829_238_912, "19.4M"),
        "preact164": Published(1_703_258, 244_500_992, "1,703,258", _OSMR),
        "preact1001": Published(
            10_327_706,
            1_487_849_984,
            "10,327,706",
            _OSMR,
            note="Huang et al. 2016 (table 2) and Zagoruyko and Komodakis 2016 "
            "(arXiv:1605.07146, table 5) print 10.2M, to which its convolutions "
            "alone round: 10,175,920",
        ),
        "densenet40_k12": Published(1_019_722, 264_812_928, "1.0M", _HUANG),
        "densenet40_k12_stem24": Published(
            1_059_298,
            282_917_328,
            "",
            "authors' code, github.com/liuzhuang13/DenseNet",
            note="the paper's 1.0M is the network with 16 channels in the stem",
        ),
        "densenet100_k12": Published(6_979_642, 1_769_516_448, "7.0M", _HUANG),
        "densenet100_k24": Published(27_249_082, 6_889_347_744, "27.2M", _HUANG),
        "densenet_bc100_k12": Published(769_162, 287_929_692, "0.8M", _HUANG),
        "densenet_bc250_k24": Published(15_324_406, 5_418_785_724, "15.3M", _HUANG),
        "densenet_bc190_k40": Published(25_624_430, 9_301_945_740, "25.6M", _HUANG),
        "densenet_bc40_k36": Published(1_542_682, 647_298_936, "1.5M", _WIDE),
        "densenet_bc40_k48": Published(2_733_130, 1_149_867_168, "2.7M", _WIDE),
        "densenet_bc40_k60": Published(4_261_690, 1_795_836_360, "4.3M", _WIDE),
        "uva_googlenet": Published(260_650, 79_643_904, "260,650", _UVA),
        "uva_resnet": Published(272_378, 40_813_184, "272,378", _UVA),
        "uva_preact": Published(272_250, 40_813_184, "272,250", _UVA),
        "uva_densenet": Published(239_146, 72_279_856, "239,146", _UVA),
        "resnet18_cifar": Published(11_173_962, 555_422_720, "11,173,962", _LAISIMIAO),
        "resnet34_cifar": Published(21_282_122, 1_159_402_496, "21.28M", _DA2LITE),
        "densenet121_cifar": Published(6_956_298, 888_350_720, "6,956,298", _LAISIMIAO),
        "resnet18": Published(
            11_181_642, 1_813_566_464, "11,689,512", _TORCHVISION, figure_classes=1000
        ),
        "densenet121": Published(
            6_964_106, 2_833_147_904, "7,978,856", _TORCHVISION, figure_classes=1000
        ),
    }
)


def published(name: str) -> Published:
    """Returns the reference of a registered network.

    Raises:
        SettingError: If the name is unknown.
    """
    if name not in PUBLISHED:
        raise SettingError(unknown("network", name, PUBLISHED))
    return PUBLISHED[name]


def rounds_to(count: int, figure: str) -> bool:
    """Returns whether `count` rounds to `figure` at the digits it is printed with.

    Args:
        count: Exact number.
        figure: Such as "0.27M" (millions) or "260,650".
    """
    unit = 1_000_000 if figure.endswith("M") else 1
    printed = Decimal(figure.removesuffix("M").replace(",", ""))
    return (Decimal(count) / unit).quantize(printed, ROUND_HALF_UP) == printed
