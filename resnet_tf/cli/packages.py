"""The packages of the extra `[report]`, which is imported where it is used."""

import importlib.util

from resnet_tf.errors import SettingError

_REPORT = ("jinja2", "scipy")


def require_report(who: str) -> None:
    """Raises unless what a report needs is installed.

    Args:
        who: What needs it, for the error.

    Raises:
        SettingError: If a package is missing.
    """
    missing = [name for name in _REPORT if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            f"{who} needs {' and '.join(missing)}: pip install 'resnet_tf[report]'"
        )
