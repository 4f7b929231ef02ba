"""A training configuration as a file: TOML for people, JSON for programs. What ``--show`` prints is one."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eeinfer.cli.training.settings import NONE, Plain, Setting
from eeinfer.errors import ConfigError, first_line
from eeinfer.files import unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from eeinfer.training import TrainConfig

SUFFIXES = (".toml", ".json")


def is_config_file(recipe: str) -> bool:
    """Say whether what is named in the place of a recipe is a file."""
    return recipe.lower().endswith(SUFFIXES)


def read_config(path: Path) -> tuple[str | None, list[Setting]]:
    """Return the recipe that a file starts from, if it names one, and what it sets.

    Raises:
        ConfigError: it cannot be read, or is no TOML or JSON.
    """
    try:
        text = path.read_bytes().decode()
        values = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"{path} {unreadable(path, error)}; to have one: eeinfer train digits --show > {path.name}"
        ) from error
    except ValueError as error:  # of bytes, of JSON, of TOML: each says where
        raise ConfigError(f"{path} is no {path.suffix[1:].upper()}: {first_line(error)}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no settings; eeinfer train digits --show prints some")
    recipe = values.pop("recipe", None)
    if recipe is not None and not isinstance(recipe, str):
        raise ConfigError(f"recipe in {path} is {recipe!r}; give the name of one, see eeinfer train --list")
    return None if recipe == NONE else recipe, _settings(values)


def as_toml(config: "TrainConfig") -> str:
    """Return all settings of `config` as TOML, those without a value as "none"."""
    import tomli_w

    from eeinfer.training.config import config_to_dict

    text: str = tomli_w.dumps(_without_null(config_to_dict(config)))
    return text.rstrip()


def _settings(values: Plain, prefix: str = "") -> list[Setting]:
    """Flatten groups of settings; another backbone or method than the recipe's starts without the options of that."""
    found: list[Setting] = []
    if prefix in ("backbone.", "method.") and "name" in values:
        found.append((f"{prefix}options", {}))
    for name, value in values.items():
        if isinstance(value, dict) and name != "options":
            found += _settings(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value))
    return found


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(entry) for key, entry in value.items()}
    return NONE if value is None else value
