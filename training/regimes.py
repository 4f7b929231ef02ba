"""Regimes: which phases train, and which part of the model moves in each.

A regime is three characters, one per phase, `+` where it runs: phase 1 trains the backbone alone, phase 2
backbone and heads together, phase 3 the heads on a frozen backbone ("Joint or Disjoint", section on regimes).
"""

from eeinfer.errors import ConfigError, did_you_mean

REGIMES = {"disjoint": "+-+", "joint": "-+-", "mixed": "++-"}
TRAINED = {1: frozenset({"backbone"}), 2: frozenset({"backbone", "heads"}), 3: frozenset({"heads"})}


def phase_string(regime: str) -> str:
    """Return the phase string of a regime given by name or as such a string.

    Raises:
        ConfigError: neither a name of REGIMES nor three characters + or - with at least one +.
    """
    phases = REGIMES.get(regime, regime)
    if not isinstance(phases, str) or len(phases) != 3 or set(phases) - set("+-") or "+" not in phases:
        hint = "or three characters, one per phase, + where it runs, such as ++- or +++ (at least one +)"
        known = f"known are {', '.join(f'{name} {text}' for name, text in REGIMES.items())}; {hint}"
        raise ConfigError(f"unknown regime {regime!r}: {did_you_mean(regime, REGIMES)}{known}")
    return phases


def phases(regime: str) -> tuple[int, ...]:
    """Return the numbers of the phases that run, in order."""
    return tuple(number for number, mark in enumerate(phase_string(regime), start=1) if mark == "+")
