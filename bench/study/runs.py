"""A run of a study: a full training configuration, and the hash of everything in it that decides the result."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from eeinfer.training.config import PhaseConfig, TrainConfig, config_to_dict
from eeinfer.training.parts.kept import portable
from eeinfer.training.regimes import phase_string
from eeinfer.training.runs.shared import phase1_alone
from eeinfer.training.runs.state import identity

_DIGITS = 16  # of the hash: no two of a study's runs will share them


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run in its place in a study."""

    config: TrainConfig
    labels: dict[str, str] = field(default_factory=dict)  # factor -> value, for those in which the study's runs differ

    @property
    def key(self) -> str:
        """The hash of what determines the run."""
        return key_of(self.config)

    @property
    def phase1(self) -> TrainConfig | None:
        """The run that trains the phase 1 which this one shares; None where it has none, or nothing but that."""
        return phase1_alone(self.config) if self.config.phases[0] == 1 and len(self.config.phases) > 1 else None


@dataclass(frozen=True, kw_only=True)
class Study:
    """Runs that answer a question together."""

    name: str
    size: str  # small, paper or given
    question: str  # one sentence
    shows: str = ""  # the figure or table of "Joint or Disjoint" that it answers to
    runs: tuple[Run, ...]
    analyses: bool = True  # whether the networks are looked at, once they are trained


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """Return every setting that decides the result of a run, flat; what its regime does not use stands at its default.

    The regime is its phase string: a name and the phases that it means are the same run.
    """
    unused = {f"phase{number}": PhaseConfig() for number in (1, 2, 3) if number not in config.phases}
    used = replace(config, regime=phase_string(config.regime), **unused)  # type: ignore[arg-type]  # phases alone
    if 2 not in config.phases:  # the only phase that it changes
        used = replace(used, gradient_rescaling=False)
    return identity(config_to_dict(portable(used)))


def key_of(config: TrainConfig) -> str:
    """Return the hash of what in `settings_of(config)` is not at its default.

    So a setting that a later version adds leaves the keys of all runs before it as they are.
    """
    defaults = settings_of(TrainConfig())
    given = {name: value for name, value in settings_of(config).items() if defaults.get(name) != value}
    return digest(given)


def digest(content: Any) -> str:
    """Return the hash of what can be written as JSON; the order of keys does not matter."""
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:_DIGITS]
