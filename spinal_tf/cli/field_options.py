"""Options of the command line made from the fields of dataclasses, and dataclasses made from their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, TypeVar, cast, get_args, get_origin

import click

from spinal_tf.option_fields import Range, field_types, one_kind

Function = TypeVar("Function", bound=Callable[..., Any])
Record = TypeVar("Record")
Decorator = Callable[[Any], Any]


def field_options(record: Any, *names: str, **changes: Any) -> tuple[Decorator, ...]:  # noqa: ANN401 - any dataclass
    """Return a decorator for each option that a dataclass declares; see `spinal_tf.option_fields`.

    Args:
        record: the dataclass, or an instance with the defaults.
        names: names of the fields; all if there are none.
        changes: arguments of `click.option` that differ from the declaration.
    """
    kind = record if isinstance(record, type) else type(record)
    declared = {one.name: one for one in fields(kind) if one.metadata}
    options = []
    for name in names or declared:
        one, text, default = declared[name], declared[name].metadata["help"], getattr(record, name, None)
        told = {"help": text, **_typed(field_types(kind)[name], one.metadata["within"])}
        if default is not None and default is not False:
            told |= {"default": default, "show_default": "Default:" not in text and default not in ("", ())}
        if one.default is one.default_factory is MISSING:
            told["required"] = True
        told |= {**one.metadata["shown"], **changes}
        flags = told.pop("flag", f"--{name.replace('_', '-')}").split()
        options.append(click.option(*flags, name, **told))
    return tuple(options)


def _typed(hint: Any, within: Range | None) -> dict[str, Any]:  # noqa: ANN401 - a type
    kind, many = one_kind(hint), get_origin(hint) is tuple
    if kind is bool:
        return {"is_flag": True}
    if get_origin(kind) is Literal:
        kind = click.Choice(get_args(kind))
    elif within:
        limited: Any = click.IntRange if kind is int else click.FloatRange
        kind = limited(*within)
    return {"type": kind, "multiple": many}


def with_options(*options: Decorator) -> Callable[[Function], Function]:
    """Return a decorator that adds options in their order."""

    def add(function: Function) -> Function:
        for decorate in reversed(options):
            function = decorate(function)
        return function

    return add


def filled(kind: type[Record], given: Mapping[str, Any], **others: Any) -> Record:  # noqa: ANN401 - any fields
    """Return a dataclass with those values of a command that it has fields for, and with others.

    Raises:
        click.UsageError: a value is out of range, or two contradict each other.
    """
    taken = {one.name: given[one.name] for one in fields(cast(Any, kind)) if one.name in given}
    try:
        return kind(**{**taken, **others})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
