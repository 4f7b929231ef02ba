"""A study that a user describes in a TOML file; docs/study/README.md shows one.

Every mistake is one line that names the file, the key and what is allowed, before anything is trained.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eeinfer.bench.study.plans.grid import Change, Factor, expand
from eeinfer.bench.study.plans.placements import FORMS, placement
from eeinfer.bench.study.plans.settings import changed, flat
from eeinfer.bench.study.runs import Study
from eeinfer.errors import ConfigError, first_line, unknown
from eeinfer.numbers import is_whole
from eeinfer.training import RECIPES, TrainConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS = ("question", "recipe", "seeds", "settings", "setups", "grid")
PLACEMENT = "placement"  # the one key of a grid that is no setting


def given_study(path: Path, seeds: int | None = None) -> Study:
    """Read the study in the file at `path`.

    Args:
        path: a TOML file.
        seeds: how many, from 0, in place of the file's own.

    Raises:
        ConfigError: it cannot be read or has a mistake; DataError: its data set is missing.
    """
    content = _read(path)
    try:
        return _study(path.stem, content, seeds)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _study(name: str, content: Mapping[str, Any], seeds: int | None) -> Study:
    for key in content:
        if key not in KEYS:
            raise ConfigError(unknown("key", key, KEYS))
    base = changed(_recipe(content), _table(content, "settings"), "settings")
    factors = [*_setups(base, _table(content, "setups")), *map(_factor, *_columns(flat(_table(content, "grid"))))]
    question = content.get("question", "")
    if not isinstance(question, str):
        raise ConfigError(f"question is {question!r}; give a sentence in quotes")
    return Study(name=name, size="given", question=question, runs=expand(base, factors, _seeds(content, seeds)))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({first_line(error)}); give a study's name or a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {first_line(error)}") from error


def _recipe(content: Mapping[str, Any]) -> TrainConfig:
    name = content.get("recipe")
    if name is None:
        return TrainConfig()
    if not isinstance(name, str) or name not in RECIPES:
        raise ConfigError(unknown("recipe", name, RECIPES))
    return RECIPES[name]()


def _table(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    table = content.get(key, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{key} is {table!r}; give a table, [{key}]")
    return table


def _seeds(content: Mapping[str, Any], count: int | None) -> list[int]:
    seeds = content.get("seeds", 1) if count is None else count
    if is_whole(seeds, 1):
        return [*range(seeds)]
    if not isinstance(seeds, list) or not all(is_whole(seed, 0) for seed in seeds):
        raise ConfigError(f"seeds is {seeds!r}; give how many (from 1), or a list of whole numbers from 0")
    return seeds


def _setups(base: TrainConfig, table: Mapping[str, Any]) -> list[Factor]:
    """Whole configurations that take the place of the settings that all share."""
    if not table:
        return []
    values = []
    for name, settings in table.items():
        if not isinstance(settings, dict):
            raise ConfigError(f"setups.{name} is {settings!r}; give a table of settings, [setups.{name}]")
        start = _recipe(settings) if "recipe" in settings else base
        own = {key: value for key, value in settings.items() if key != "recipe"}
        changed(start, own, f"setups.{name}")
        values.append((name, _over(start if "recipe" in settings else None, own, f"setups.{name}")))
    return [Factor(name="set-up", values=tuple(values))]


def _over(start: TrainConfig | None, settings: dict[str, Any], place: str) -> Change:
    return lambda config: changed(config if start is None else changed(start, {"seed": config.seed}), settings, place)


def _columns(grid: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
    """The regime comes last: it decides which settings a run uses, and is what rows are called by."""
    names = sorted(grid, key=lambda name: name == "regime")
    return names, [grid[name] for name in names]


def _factor(name: str, values: Any) -> Factor:
    if not isinstance(values, list):
        raise ConfigError(f"grid.{name} is {values!r}; give a list of values")
    if name != PLACEMENT:
        labelled = [(_label(value), _setting(name, value)) for value in values]
        return Factor(name=name, values=tuple(labelled))
    changes: list[tuple[str, Change]] = []
    for value in values:
        if isinstance(value, str):
            changes.extend(placement(value).values)
        elif isinstance(value, list):
            changes.append((_label(value), _setting("exits", value)))
        else:
            raise ConfigError(f"grid.placement holds {value!r}; allowed are {FORMS}")
    return Factor(name=name, values=tuple(changes))


def _setting(name: str, value: Any) -> Change:
    return lambda config: changed(config, {name: value}, "grid")


def _label(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_label, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
