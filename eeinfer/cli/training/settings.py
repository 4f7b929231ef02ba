"""From a recipe and what the command line overrides to a training configuration."""

import json
import re
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_type_hints

from eeinfer.errors import ConfigError

if TYPE_CHECKING:
    from eeinfer.training import TrainConfig

Setting: TypeAlias = tuple[str, Any]  # dotted name, JSON value
Plain: TypeAlias = dict[str, Any]  # a config as JSON

NONE = "none"  # how a text without null says that a setting has no value


def configured(recipe: str | None, regime: str | None, changes: list[Setting]) -> "TrainConfig":
    """Return a recipe's config with phases fit for the regime that `changes` ask for, and with all that they change.

    Without a recipe the settings start from their defaults.

    Raises:
        ConfigError: the recipe, the regime, a setting or a value is unknown or out of range.
    """
    from eeinfer.errors import unknown
    from eeinfer.training import RECIPES, TrainConfig
    from eeinfer.training.config import config_from_dict, config_to_dict
    from eeinfer.training.recipes import fit_for

    if recipe is not None and recipe not in RECIPES:
        raise ConfigError(unknown("recipe", recipe, RECIPES, "see eeinfer train --list; a file ends in .toml or .json"))
    start = TrainConfig() if recipe is None else fit_for(regime, recipe)
    return config_from_dict(overridden(config_to_dict(start), changes))


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
            group = _group(group, part, name, copy)
        if last not in group and (not groups or groups[-1] != "options"):
            raise ConfigError(f"unknown setting {name!r}: {_known(group, groups, name, copy)}")
        group[last] = None if value == NONE and may_be_none(name) else value
    return copy


def may_be_none(name: str) -> bool:
    """Say whether the setting with this dotted name may have no value."""
    from eeinfer.training import TrainConfig

    kind: Any = TrainConfig
    for part in name.split("."):
        kind = get_type_hints(kind).get(part) if is_dataclass(kind) else None
    return type(None) in get_args(kind)


def _group(group: Plain, part: str, name: str, whole: Plain) -> Plain:
    inner = group.get(part)
    if not isinstance(inner, dict):
        what = "has no parts" if part in group else "is unknown"
        raise ConfigError(f"unknown setting {name!r}: {part} {what}; {_known(group, [], name, whole)}")
    return inner


def _known(group: Plain, path: list[str], name: str, whole: Plain) -> str:
    from eeinfer.errors import meant

    listed = f"known are {', '.join('.'.join([*path, key]) for key in group)}"
    every = [*_paths(whole)]
    last = name.rpartition(".")[2]
    near = [entry for entry in every if entry.rpartition(".")[2] == name] or [
        # A group in common is no likeness: phase1.speed is not phase1.patience.
        entry
        for entry in meant(name, every)
        if meant(last, [entry.rpartition(".")[2]])
    ]
    return f"did you mean {near[0]}? {listed}" if near else listed


def _paths(values: Plain, prefix: str = "") -> list[str]:
    paths = []
    for key, value in values.items():
        paths += _paths(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return paths


def assignment(text: str) -> Setting:
    """Read ``phase1.lr=0.05``: the value is JSON where it parses as JSON, none, and otherwise a string.

    Raises:
        ConfigError: there is no ``=``.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ConfigError(
            f"--set {text!r} is not of the form name=value, such as phase1.lr=0.05, without spaces around the = "
            "or with the whole in quotes"
        )
    if re.fullmatch(r"\s*-?\d+,\d+\s*", value):
        raise ConfigError(
            f"--set {text!r} has a decimal comma, or is a list without brackets: write "
            f"{name.strip()}={value.strip().replace(',', '.')}, or {name.strip()}=[{value.strip()}]"
        )
    return name.strip(), _value(value.strip())


def _value(text: str) -> Any:  # JSON
    if text.lower() == NONE:
        return NONE
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def exit_positions(text: str) -> list[int | float | str]:
    """Read ``0.15,0.3``, ``1,3,5`` or ``layer2.0``: numbers where they are numbers, module names otherwise."""
    positions = [_value(part.strip()) for part in text.split(",") if part.strip()]
    return [position if isinstance(position, (int, float)) else str(position) for position in positions]
