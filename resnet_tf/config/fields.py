"""The definition of a setting: type, help and range, and the check of a value."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import numbers
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from resnet_tf.errors import SettingError

REQUIRED = object()
AUTO = "auto"  # lets the machine choose the value

# A state of a run is named by its step, in eight digits.
LARGEST_STEP = 99_999_999
LARGEST_BATCH = 65_536
_LONGEST_LIST = 600  # maximum characters of known names in a message


@dataclass(frozen=True)
class FieldSpec:
    """One setting, as used by the flags and the checks.

    Attributes:
        section: Name of the section that owns the field.
        name: Name of the field and of its flag.
        type: `bool`, `int`, `float`, `str` or `tuple` (of floats).
        choices: The allowed values, or an empty tuple.
        optional: Whether None is allowed (for the data set's default).
        default: Default value.
        help: One sentence for `--help`.
        minimum: Smallest allowed value, or None.
        maximum: Largest allowed value, or None.
        above: The value must be larger than this, or None.
        below: The value must be smaller than this, or None.
        families: Values of `model` to which the field applies; empty for all.
        needs: Another setting and the value that it must have for this field to have an
            effect; None if there is no such condition.
        was: Value for a config written before the field existed; `REQUIRED` for a field
            that every config has.
        local: Whether the setting does not affect the trained weights, e.g. a path. It
            is not in `config.json`, and a run can resume with another value.
        place: Whether the setting says where a run computes. It is in `config.json`,
            but a run can resume with another value.
    """

    section: str
    name: str
    type: type
    choices: tuple[str, ...]
    optional: bool
    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    families: tuple[str, ...] = ()
    needs: tuple[str, Any] | None = None
    was: Any = REQUIRED
    local: bool = False
    place: bool = False

    @property
    def described(self) -> str:
        """The help, followed by the families of the field in square brackets."""
        return self.help + f" [{', '.join(self.families)}]" * bool(self.families)

    def applies_to(self, model: str) -> bool:
        """Returns whether networks of the family `model` have this setting."""
        return not self.families or model in self.families

    def check(self, value: Any) -> Any:
        """Returns `value` converted to the field's type.

        Raises:
            SettingError: If the value is of another type or out of range.
        """
        if value is None and self.optional:
            return None
        value = self._cast(value)
        for ok, rule in (
            (self.minimum is None or value >= self.minimum, f"at least {self.minimum}"),
            (self.maximum is None or value <= self.maximum, f"at most {self.maximum}"),
            (self.above is None or value > self.above, f"above {self.above}"),
            (self.below is None or value < self.below, f"below {self.below}"),
        ):
            if not ok:
                raise SettingError(
                    f"{self.name} must be {rule}, received {value!s:.80}"
                )
        return value

    def _cast(self, value: Any) -> Any:
        if self.choices:
            if value not in self.choices:
                known = ", ".join(self.choices)
                raise SettingError(
                    f"{self.name} must be one of {known}, received {value!r:.80}"
                )
            return value
        if self.type is tuple:
            if not isinstance(value, (list, tuple)):
                raise SettingError(
                    f"{self.name} must be numbers, received {value!r:.80}"
                )
            return tuple(_number(self.name, float, v) for v in value)
        if self.type in (int, float):
            return _number(self.name, self.type, value)
        if not isinstance(value, self.type):
            raise SettingError(
                f"{self.name} must be a {self.type.__name__}, received {value!r:.80}"
            )
        if value == "":
            raise SettingError(f"{self.name} must not be empty, received nothing")
        return value


def _number(name: str, kind: type, value: Any) -> int | float:
    exact = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, exact):
        what = "an integer" if kind is int else "a number"
        raise SettingError(f"{name} must be {what}, received {value!r:.80}")
    try:
        result = kind(value)
    except OverflowError:  # an integer above the largest float
        result = math.inf
    if kind is float and not math.isfinite(result):
        raise SettingError(f"{name} must be finite, received {result}")
    return result


def positive(name: str, value: Any) -> int:
    """Returns a count that is an argument, not a setting.

    Args:
        name: Name of the argument in the error message.
        value: A Python or NumPy integer, at least 1.

    Raises:
        SettingError: If it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise SettingError(f"{name} must be an integer, received {value!r:.80}")
    if value < 1:
        raise SettingError(f"{name} must be at least 1, received {value}")
    return int(value)


def flag_value(value: Any) -> str:
    """Returns a setting's value in command-line form: a list is comma-separated."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def field(default: Any, help: str, **rules: Any) -> Any:
    """Returns a dataclass field with its help and rules as metadata."""
    return dataclasses.field(default=default, metadata={"help": help, **rules})


class Section:
    """Base class of the sections: checks every field at construction."""

    def __post_init__(self) -> None:
        section: type = type(self)
        for spec in section_fields(section):
            object.__setattr__(self, spec.name, spec.check(getattr(self, spec.name)))


@functools.cache
def section_fields(section: type) -> tuple[FieldSpec, ...]:
    """Returns the settings of a section class, in order."""
    hints = typing.get_type_hints(section)
    specs = []
    for entry in dataclasses.fields(section):
        kind, choices, optional = _plain_type(hints[entry.name])
        specs.append(
            FieldSpec(
                section=section.__name__.removesuffix("Config").lower(),
                name=entry.name,
                type=kind,
                optional=optional,
                default=entry.default,
                **{"choices": choices, **entry.metadata},
            )
        )
    return tuple(specs)


def unknown(kind: str, name: str, known: Any) -> str:
    """Returns the one-line message for an unknown name, with similar known names."""
    near = difflib.get_close_matches(str(name), list(known), n=3)
    listed = ", ".join(known)
    if near:
        hint = "did you mean " + ", ".join(near)
    elif len(listed) <= _LONGEST_LIST:
        hint = f"known: {listed}"
    else:
        hint = f"none of the {len(known)} known names is similar"
    return f"unknown {kind} {name!r:.80}; {hint}"


def _plain_type(hint: Any) -> tuple[type, tuple[str, ...], bool]:
    """Returns (type, choices, optional) of an annotation."""
    if isinstance(hint, types.UnionType):
        (inner,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        kind, choices, _ = _plain_type(inner)
        return kind, choices, True
    if typing.get_origin(hint) is Literal:
        return str, typing.get_args(hint), False
    return typing.get_origin(hint) or hint, (), False
