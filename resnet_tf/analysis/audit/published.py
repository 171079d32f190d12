"""The references of the registered networks, and how a count agrees with a figure."""

from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from resnet_tf.config import NETWORKS, Published, unknown
from resnet_tf.errors import SettingError

PUBLISHED = MappingProxyType({name: row.published for name, row in NETWORKS.items()})


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
