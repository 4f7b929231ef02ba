"""Plain values into a frozen dataclass: what does not fit is told by its whole name, its value and what is allowed."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from eeinfer.errors import ConfigError, unknown

Group = TypeVar("Group")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", NoneType: "none"}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def fitted(kind: type[Group], values: object, prefix: str = "") -> Group:
    """Return the group of settings that `values` describe; what they leave out keeps its default.

    Raises:
        ConfigError: an unknown setting, a wrong type, or a value out of range.
    """
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # a dataclass, which a TypeVar cannot say
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{prefix[:-1]} is {values!r}; it is a group of settings: set one, such as {prefix}{names[0]}"
        )
    for name in values:
        if name not in names:
            raise ConfigError(unknown("setting", f"{prefix}{name}", (prefix + known for known in names)))
    made = {name: _one(kind, name, value, prefix) for name, value in values.items()}
    return _made(kind, made, prefix)


def _one(kind: type[Any], name: str, value: Any, prefix: str) -> object:
    hint = get_type_hints(kind)[name]
    if is_dataclass(hint):
        return fitted(hint, value, f"{prefix}{name}.")  # type: ignore[arg-type]  # a class, no object of one
    try:
        return msgspec.convert(value, hint)
    except (msgspec.ValidationError, TypeError):
        several = isinstance(value, list) and any(get_origin(part) is tuple for part in (hint, *get_args(hint)))
        _ask_the_group(kind, name, tuple(value) if several else value, prefix)
        raise ConfigError(f"{prefix}{name} is {value!r}; give {_words(hint)}") from None


def _ask_the_group(kind: type[Any], name: str, value: object, prefix: str) -> None:
    """Let the group's own check refuse a value of a wrong type: it knows names and ranges, which a type does not."""
    try:
        _made(kind, {name: value}, prefix)
    except (TypeError, AttributeError):  # a check that takes the type for granted
        return


def _made(kind: type[Group], values: dict[str, object], prefix: str) -> Group:
    try:
        return kind(**values)
    except ConfigError as error:
        if not prefix:
            raise
        named = str(error).partition(" ")[0] in get_type_hints(kind)
        raise ConfigError(f"{prefix}{error}" if named else f"in {prefix[:-1]}: {error}") from error


def _words(hint: Any) -> str:
    """Return a type in words, such as ``a text or none``."""
    inner = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(_words, inner))
    if get_origin(hint) is tuple:
        return f"a list of {'' if ... in inner else f'{len(inner)} '}{_SEVERAL.get(inner[0], 'values')}"
    return f"a group of options, each {_words(inner[1])}" if get_origin(hint) is dict else _WORDS[hint]
