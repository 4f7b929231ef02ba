"""Phase 1 once for many runs: it depends on backbone, data, seed and its own settings, not on exits or heads."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eeinfer.errors import CheckpointError, ConfigError
from eeinfer.training.build import build_model, model_input
from eeinfer.training.config import MethodConfig, PhaseConfig, TrainConfig, config_to_dict
from eeinfer.training.data import configured_dataset
from eeinfer.training.file_options import without_downloads
from eeinfer.training.parts.kept import portable
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME, read_checkpoint, settings_of
from eeinfer.training.runs.state import STATE_NAME, State, refuse_other_config, save_state

_BACKBONE = "backbone."


def phase1_alone(config: TrainConfig) -> TrainConfig:
    """Return the run of regime ``+--`` whose network is that of `config` behind phase 1."""
    return replace(
        config,
        regime="+--",
        exits=(),
        method=MethodConfig(),
        loss_weights="method",
        gradient_rescaling=False,
        phase2=PhaseConfig(),
        phase3=PhaseConfig(),
        recipe=None,
    )


def start_behind_phase1(config: TrainConfig, checkpoint: Path, out: Path) -> None:
    """Put a run of `config` into the folder `out` as it stands when its phase 1 is over; `train` goes on from there.

    It ends with the same weights as a run that trained phase 1 itself. A run that is there already is left as it is.

    Args:
        config: a run whose regime has phase 1.
        checkpoint: of the run `phase1_alone(config)`.
        out: the folder of the run.

    Raises:
        ConfigError: the regime has no phase 1, or nothing behind it.
        CheckpointError: the checkpoint is damaged, or its phase 1 is not that of `config`.
        DataError: the data set is missing.
    """
    if config.phases[:1] != (1,) or len(config.phases) < 2:
        raise ConfigError(f"regime {config.regime!r} does not go on from phase 1; take mixed or disjoint")
    if (out / STATE_NAME).exists() or (out / CHECKPOINT_NAME).exists():
        return
    content = read_checkpoint(checkpoint)
    refuse_other_config(settings_of(content), phase1_alone(config), checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    facts = content["provenance"]
    save_state(
        State(
            config=config_to_dict(portable(config)),
            phase_index=1,
            model=_fresh_heads_on(config, content["model"], checkpoint),
            history=list(facts["epochs"]),
            summaries=list(facts["phases"]),
        ),
        out,
    )


def _fresh_heads_on(config: TrainConfig, weights: dict[str, Any], source: Path) -> dict[str, Any]:
    """Return the weights of the model of `config`, its backbone trained and its heads as they start."""
    dataset = configured_dataset(config.data)
    built = build_model(without_downloads(config), model_input(config, dataset), len(dataset.classes))
    model: dict[str, Any] = built.model.state_dict()
    backbone = {name: tensor for name, tensor in weights.items() if name.startswith(_BACKBONE)}
    if backbone.keys() != {name for name in model if name.startswith(_BACKBONE)}:
        raise CheckpointError(f"{source} holds another backbone than {config.backbone.name!r}: delete it, train again")
    return {**model, **backbone}
