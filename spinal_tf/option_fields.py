"""Options declared as fields of dataclasses: default, help text and range, for Python, records and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from functools import cache
from numbers import Integral, Real
from textwrap import fill
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

REQUIRED: Any = MISSING
"""Default of an option that has to be given."""


class Range(NamedTuple):
    """Range of a number; a limit is outside the range if it is open."""

    low: float
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __str__(self) -> str:
        """Return the range in words."""
        low = f"{'above' if self.low_open else 'at least'} {self.low:g}"
        return low if self.high is None else f"{low}, {'below' if self.high_open else 'at most'} {self.high:g}"

    def allows(self, value: float) -> bool:
        """Return whether a number is in the range."""
        low = self.low < value if self.low_open else self.low <= value
        high = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return low and high


COUNT, NOT_NEGATIVE, POSITIVE, SHARE = Range(1), Range(0), Range(0, low_open=True), Range(0, 1)


def option(default: Any, text: str, within: Range | None = None, **shown: Any) -> Any:  # noqa: ANN401 - of any field
    """Declare an option as a field of a dataclass that inherits from `Options`.

    Args:
        default: default; a class makes a new object each time.
        text: help text.
        within: range of a number.
        shown: further arguments of click: ``flag`` if the option's name is not the field's, ``metavar``, ``type``.
    """
    about = {"help": text, "within": within, "shown": shown}
    if isinstance(default, type):
        return field(default_factory=default, metadata=about)
    return field(default=default, metadata=about)


def one_kind(hint: Any) -> Any:  # noqa: ANN401 - a type
    """Return the type of one value: ``X`` for the types ``X``, ``X | None`` and ``tuple[X, ...]``."""
    if get_origin(hint) in (Union, UnionType, tuple):
        return next(kind for kind in get_args(hint) if kind is not NoneType)
    return hint


@cache
def field_types(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """Return the types of a dataclass's fields, by name."""
    return get_type_hints(kind)


class Options:
    """Base of dataclasses of options: help texts become their docstring, and values out of range are refused."""

    def __init_subclass__(cls) -> None:
        """Add the help texts to the docstring, before its errors."""
        opening, *errors = (cls.__doc__ or "").rstrip().partition("\n\n    Raises:")
        inherited = [getattr(base, "__dataclass_fields__", {}) for base in reversed(cls.__mro__)]
        known = {name: one for among in (*inherited, vars(cls)) for name, one in among.items()}
        declared = {name: one.metadata for name, one in known.items() if isinstance(one, Field) and one.metadata}
        lines = [f"{name}: {about['help']}" for name, about in declared.items()]
        wrapped = [fill(line, 100, initial_indent=" " * 8, subsequent_indent=" " * 12) for line in lines]
        cls.__doc__ = "\n".join([f"{opening}\n\n    Attributes:", *wrapped]) + "".join(errors)

    def __post_init__(self) -> None:
        """Refuse values that are unknown or out of range.

        Raises:
            ValueError: there is such a value.
        """
        declared: Any = type(self)
        for one in fields(declared):
            given, kind = getattr(self, one.name), one_kind(field_types(declared)[one.name])
            many = given.values() if isinstance(given, Mapping) else given if isinstance(given, tuple) else (given,)
            for value in many if given is not None else ():
                _refuse(one.name, value, kind, one.metadata.get("within"))


def _refuse(name: str, value: Any, kind: Any, within: Range | None) -> None:  # noqa: ANN401 - any value and type
    if get_origin(kind) is Literal and value not in get_args(kind):
        raise ValueError(f"{name} {value!r} is not known; choose one of {', '.join(get_args(kind))}")
    wanted, words = (Integral, "a whole number") if kind is int else (Real, "a number")
    if within and not (isinstance(value, wanted) and math.isfinite(value)):
        raise ValueError(f"{name} must be {words}, not {value!r}")
    if within and not within.allows(value):
        raise ValueError(f"choose {name} {within}, not {value}")
