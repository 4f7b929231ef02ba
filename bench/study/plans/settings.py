"""Settings by their dotted names, as `eeinfer train --set` has them."""

from collections.abc import Mapping
from typing import Any

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.config import TrainConfig, config_from_dict, config_to_dict

_FREE = ("backbone.options.", "method.options.")  # what a backbone or a method takes is its own to check
_NOT_HERE = ("seed", "recipe")


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one, names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def changed(config: TrainConfig, table: Mapping[str, Any], place: str = "settings") -> TrainConfig:
    """Return `config` with the settings of `table`, nested or by dotted names.

    Args:
        config: what stays as it is elsewhere.
        table: name -> value.
        place: where the table stands, for messages.

    Raises:
        ConfigError: an unknown name, a wrong type, or a value out of range; the message names the key.
    """
    values = config_to_dict(config)
    known = [name for name in flat(values) if name not in _NOT_HERE]
    for name, value in flat(table).items():
        if name not in flat(values) and not name.startswith(_FREE):
            raise ConfigError(unknown(f"key of {place}", name, known))
        *groups, last = name.split(".")
        group = values
        for part in groups:
            group = group[part]
        group[last] = value
    try:
        return config_from_dict(values)
    except ConfigError as error:
        names = ", ".join(f"{place}.{name}" for name in flat(table))
        raise ConfigError(f"{names}: {error}") from error
