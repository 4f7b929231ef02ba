"""The resumable state of a run, written whole after every epoch."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from eeinfer.errors import CheckpointError
from eeinfer.training.config import TrainConfig, config_to_dict
from eeinfer.training.parts.kept import portable
from eeinfer.training.regimes import phase_string
from eeinfer.training.runs.sealed import load_sealed, save_sealed

STATE_NAME = "state.pt"
STATE_VERSION = 2  # 2: with a checksum of its own
_FORMAT = "eeinfer training state"

Record = dict[str, Any]  # one line of metrics.jsonl


@dataclass(kw_only=True)
class State:
    """Everything that a run needs to go on as if it had never stopped."""

    config: dict[str, Any]
    phase_index: int = 0  # stages of phases that are over
    epoch: int = 0  # epochs of the current phase that are over
    stale: int = 0  # epochs since the best one
    model: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] | None = None
    precision: dict[str, Any] = field(default_factory=dict)  # the loss scale of 16-mixed
    best_score: float | None = None
    best_epoch: int = 0
    best_model: dict[str, Any] | None = None
    history: list[Record] = field(default_factory=list)  # one record per epoch: the lines of metrics.jsonl
    summaries: list[Record] = field(default_factory=list)  # one per phase that is over


def save_state(state: State, folder: Path) -> None:
    """Replace the state in `folder` in one step.

    Raises:
        InputError: it cannot be written, as where the disk is full; the state before is kept.
    """
    content = {item.name: getattr(state, item.name) for item in fields(state)}
    save_sealed(folder / STATE_NAME, {"format": _FORMAT, "version": STATE_VERSION, **content})


def load_state(folder: Path, config: TrainConfig) -> State | None:
    """Return the state in `folder`, or None where there is none.

    Raises:
        CheckpointError: it is damaged, or belongs to a run with other settings.
    """
    path = folder / STATE_NAME
    if not path.exists():
        return None
    advice = "delete it to start this run over, or choose another folder"
    content, sealed = load_sealed(path, advice)
    ours = isinstance(content, dict) and content.pop("format", None) == _FORMAT
    version = content.pop("version", None) if ours else None
    if version not in (1, STATE_VERSION) or (version == STATE_VERSION and not sealed):
        raise CheckpointError(f"{path} is no state that this version of eeinfer can go on from: {advice}")
    try:
        state = State(**content)
    except TypeError as error:  # other fields than ours
        raise CheckpointError(f"{path} is damaged: {advice}") from error
    refuse_other_config(state.config, config, path)
    return state


def refuse_other_config(found: dict[str, Any], config: TrainConfig, path: Path) -> None:
    """Refuse to mix the run whose settings are `found` with that of `config`.

    Raises:
        CheckpointError: they differ in more than where the files lie and how many workers read them.
    """
    theirs, ours = identity(found), identity(config_to_dict(portable(config)))
    different = sorted(name for name in {*theirs, *ours} if theirs.get(name) != ours.get(name))
    if different:
        listed = ", ".join(f"{name} {theirs.get(name)!r} there, {ours.get(name)!r} here" for name in different[:4])
        raise CheckpointError(
            f"{path} belongs to a run with other settings ({listed}): choose another folder, "
            "or start over with resume=False (on the command line --fresh)"
        )


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the result, flat: `phase1.lr` and so on."""
    flat = _flat(config)
    for name in ("data.root", "data.num_workers", "device", "recipe"):
        flat.pop(name, None)
    flat["regime"] = phase_string(flat["regime"])
    return flat


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = list(value) if isinstance(value, tuple) else value
    return flat
