"""The published figures of the registered networks."""

from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from resnet_tf.config import NETWORKS, Published, unknown
from resnet_tf.errors import SettingError

PUBLISHED = MappingProxyType({name: row.published for name, row in NETWORKS.items()})


def published(name: str) -> Published:
    """Returns the published figures of a registered network.

    Raises:
        SettingError: If the name is unknown.
    """
    if name not in PUBLISHED:
        raise SettingError(unknown("network", name, PUBLISHED))
    return PUBLISHED[name]


def rounds_to(count: int, figure: str) -> bool:
    """Returns whether `count` rounds to the printed digits of `figure`.

    Args:
        count: Exact number.
        figure: Printed number, e.g. "0.27M" (millions) or "260,650".
    """
    unit = 1_000_000 if figure.endswith("M") else 1
    printed = Decimal(figure.removesuffix("M").replace(",", ""))
    return (Decimal(count) / unit).quantize(printed, ROUND_HALF_UP) == printed
