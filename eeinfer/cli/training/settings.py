"""From a recipe and what the command line overrides to a training configuration."""

import json
from typing import Any, TypeAlias

from eeinfer.errors import ConfigError

Setting: TypeAlias = tuple[str, Any]  # dotted name, JSON value
Plain: TypeAlias = dict[str, Any]  # a config as JSON


def overridden(values: Plain, settings: list[Setting]) -> Plain:
    """Return a copy of a config's plain form with some settings replaced.

    Raises:
        ConfigError: a name leads nowhere; the message lists what is there.
    """
    copy: Plain = json.loads(json.dumps(values))
    for name, value in settings:
        *groups, last = name.split(".")
        group = copy
        for part in groups:
            group = _group(group, part, name)
        if last not in group and (not groups or groups[-1] != "options"):
            raise ConfigError(f"unknown setting {name!r}: {_known(group, groups)}")
        group[last] = value
    return copy


def _group(group: Plain, part: str, name: str) -> Plain:
    inner = group.get(part)
    if not isinstance(inner, dict):
        what = "has no parts" if part in group else "is unknown"
        raise ConfigError(f"unknown setting {name!r}: {part} {what}; {_known(group, [])}")
    return inner


def _known(group: Plain, path: list[str]) -> str:
    return f"known are {', '.join('.'.join([*path, key]) for key in group)}"


def assignment(text: str) -> Setting:
    """Read ``phase1.lr=0.05``: the value is JSON where it parses as JSON, none, and otherwise a string.

    Raises:
        ConfigError: there is no ``=``.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set {text!r} is not of the form name=value, such as phase1.lr=0.05")
    return name.strip(), _value(value.strip())


def _value(text: str) -> Any:  # JSON
    if text.lower() == "none":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def exit_positions(text: str) -> list[int | float | str]:
    """Read ``0.15,0.3``, ``1,3,5`` or ``layer2.0``: numbers where they are numbers, module names otherwise."""
    positions = [_value(part.strip()) for part in text.split(",") if part.strip()]
    return [position if isinstance(position, (int, float)) else str(position) for position in positions]
