"""Reading a method's own options, each checked where the method is built."""

from collections.abc import Collection

from eeinfer.errors import ConfigError, unknown
from eeinfer.numbers import is_number, is_whole
from eeinfer.training.config import HeadConfig, MethodConfig


def number(config: MethodConfig, name: str, default: float, low: float, high: float) -> float:
    """Return the number that option `name` holds, or `default`.

    Raises:
        ConfigError: no number from `low` to `high`.
    """
    value = config.options.get(name, default)
    if not is_number(value, low, high):
        raise ConfigError(f"{_path(config, name)} is {value!r}; give a number from {low:g} to {high:g}")
    return float(value)


def whole(config: MethodConfig, name: str, default: int, low: int) -> int:
    """Return the whole number that option `name` holds, or `default`.

    Raises:
        ConfigError: no whole number from `low`.
    """
    value = config.options.get(name, default)
    if not is_whole(value, low):
        raise ConfigError(f"{_path(config, name)} is {value!r}; give a whole number from {low}")
    return value


def flag(config: MethodConfig, name: str) -> bool:
    """Return whether option `name` is set; it is off by default.

    Raises:
        ConfigError: neither true nor false.
    """
    value = config.options.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{_path(config, name)} is {value!r}; give true or false")
    return value


def choice(config: MethodConfig, name: str, default: str, allowed: Collection[str]) -> str:
    """Return the name that option `name` holds, or `default`.

    Raises:
        ConfigError: it is none of `allowed`.
    """
    value = config.options.get(name, default)
    if value not in allowed:
        raise ConfigError(unknown(_path(config, name), value, allowed))
    return str(value)


def own_heads(config: MethodConfig) -> None:
    """Refuse what a method with heads of its own would silently ignore; hidden widths are taken by all.

    Raises:
        ConfigError: a type, pool or width of heads is set.
    """
    if config.heads != HeadConfig(hidden=config.heads.hidden):
        raise ConfigError(
            f"method {config.name} builds its own heads: leave type, pool and width of heads as they are, "
            "and choose by the method's options"
        )


def _path(config: MethodConfig, name: str) -> str:
    return f"option {name} of method {config.name}"
