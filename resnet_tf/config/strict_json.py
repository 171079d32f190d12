"""A strict JSON parser for untrusted files.

The standard library's parser takes the last of two equal keys, accepts `NaN` and
numbers that overflow, and nests as deep as Python's recursion limit.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_BYTES, MAX_DEPTH = 1 << 20, 32
_MAX_BITS = 63


def parse_object(
    content: bytes, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> dict[str, Any]:
    """Returns the JSON object in `content`.

    Args:
        content: UTF-8 text.
        max_bytes: Maximum length of `content`.
        max_depth: Maximum nesting depth of objects and lists.

    Raises:
        ValueError: With a one-line message, if `content` is too long, nested too deep,
            not JSON or not an object, or has a repeated key, a number that is not
            finite, an integer of over 64 bits, or text that is not Unicode.
    """
    if len(content) > max_bytes:
        raise ValueError(f"it must have at most {max_bytes} bytes")
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError(f"it must be nested at most {max_depth} deep") from None
    if not isinstance(value, dict):
        raise ValueError("it must hold a JSON object")
    _check(value, max_depth)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns the object; raises on a repeated key, in time linear in the pairs."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"the key {name!r:.40} must occur once")
        result[name] = value
    return result


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, received {text:.40}")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


def _integer(text: str) -> int:
    # Longer texts cannot fit, and take long to convert.
    if len(text) > 20 or (value := int(text)).bit_length() > _MAX_BITS:
        raise ValueError(f"integers must fit in 64 bits, received {text:.40}")
    return value


def _check(value: Any, depth: int) -> None:
    """Raises if values are nested too deep or text has an unpaired surrogate."""
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, dict | list):
        if depth == 0:
            raise ValueError("it is nested too deep")
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        for part in parts:
            _check(part, depth - 1)
