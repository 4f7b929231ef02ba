"""A grid: factors with their values, and every combination of them as a run."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from eeinfer.bench.study.runs import Run
from eeinfer.errors import ConfigError
from eeinfer.training.config import TrainConfig, config_to_dict
from eeinfer.training.regimes import REGIMES, phase_string

Change: TypeAlias = Callable[[TrainConfig], TrainConfig]


@dataclass(frozen=True, kw_only=True)
class Factor:
    """Something in which the runs of a study differ, with what each of its values makes of a configuration."""

    name: str
    values: tuple[tuple[str, Change], ...]  # label -> change


def setting(name: str, values: Sequence[tuple[str, dict[str, Any]]]) -> Factor:
    """Return a factor whose values set fields of the configuration."""
    return Factor(name=name, values=tuple((label, _setting(**fields)) for label, fields in values))


def regimes(*names: str) -> Factor:
    """Return the factor of the regimes `names`; all three of the paper's where none is named."""
    return setting("regime", [(name, {"regime": name}) for name in names or REGIMES])


def expand(base: TrainConfig, factors: Sequence[Factor], seeds: Sequence[int]) -> tuple[Run, ...]:
    """Return a run for every combination of the values of `factors` with every seed.

    Changes are made in the order of the factors. Combinations that differ only in what their regime does not use are
    one run in several places: phase 1's learning rate, say, is nothing to joint.

    Raises:
        ConfigError: a factor without values, a run that cannot be, or the same run twice.
    """
    for factor in factors:
        if not factor.values:
            raise ConfigError(f"{factor.name} has no values, so the grid is empty: give at least one")
    if not seeds:
        raise ConfigError("seeds is empty, so the grid is empty: give at least one")
    for name, values in (
        *((factor.name, [label for label, _ in factor.values]) for factor in factors),
        ("seeds", seeds),
    ):
        _refuse_twice(name, values)
    runs = [_run(base, factors, choice, seed) for choice in _combinations(factors) for seed in seeds]
    _refuse_same(runs)
    return tuple(runs)


def _combinations(factors: Sequence[Factor]) -> list[tuple[tuple[str, Change], ...]]:
    return list(itertools.product(*(factor.values for factor in factors)))


def _run(base: TrainConfig, factors: Sequence[Factor], choice: Sequence[tuple[str, Change]], seed: int) -> Run:
    config = replace(base, seed=seed)
    for _, change in choice:
        config = change(config)
    if set(config.phases) == {1}:
        raise ConfigError(f"regime {config.regime!r} trains no exits, and a study compares them; add phase 2 or 3")
    if config.data.val_share == 0:
        raise ConfigError("data.val_share is 0, and a study chooses thresholds on validation images; give 0.1, say")
    labels = {factor.name: label for factor, (label, _) in zip(factors, choice, strict=True)}
    regime = labels.pop("regime", config.regime)  # which a factor may name more precisely; it comes last
    return Run(config=config, labels=labels | {"regime": regime})


def _refuse_twice(name: str, values: Sequence[object]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ConfigError(f"two runs are the same: {name} holds {twice[0]!r} twice; name each once")


def _refuse_same(runs: Sequence[Run]) -> None:
    seen: dict[str, Run] = {}
    for run in runs:
        first = seen.setdefault(run.key, run)
        if first is not run and _plain(first) == _plain(run):
            differing = [name for name in run.labels if run.labels[name] != first.labels.get(name)] or ["seeds"]
            names = ", ".join(
                f"{name} {first.labels.get(name, run.config.seed)!r} and {run.labels.get(name, run.config.seed)!r}"
                for name in differing
            )
            raise ConfigError(f"two runs are the same: {names} mean the same run; name each once")


def _plain(run: Run) -> dict[str, Any]:
    values = config_to_dict(run.config)
    return {**values, "regime": phase_string(values["regime"]), "recipe": None}


def _setting(**fields: Any) -> Change:
    return lambda config: replace(config, **fields)
