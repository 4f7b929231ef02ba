"""Dropping exits that are not worth their cost, once they are trained (METHODS 3.13)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eeinfer.bundle.manifest import Input
from eeinfer.rule import leaves
from eeinfer.training.build import Built, build_model
from eeinfer.training.config import TrainConfig
from eeinfer.training.data.batches import Batch, Share
from eeinfer.training.exits.costs import exit_costs, trunk_costs
from eeinfer.training.exits.gain import StageGain, head_costs, stage_gains
from eeinfer.training.file_options import without_downloads
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.runs.feed import Feed


def prune(config: TrainConfig, built: Built, feed: Feed, num_classes: int) -> tuple[Built, dict[str, Any]]:
    """Drop the exits that do not pay at the method's ``prune_tau``, measured on the validation images.

    Args:
        config: the run; without the option ``prune_tau`` nothing is dropped.
        built: the trained model.
        feed: where the images come from; the training images stand in where none are kept for validation.
        num_classes: K.

    Returns:
        The model with the exits that pay, and what to record of the decision.
    """
    if "prune_tau" not in config.method.options:
        return built, {}
    tau = float(config.method.options["prune_tau"])
    images = feed.validation if len(feed.validation) else feed.train
    # Every process looks at all of the images, so that all decide the same.
    batches = replace(feed, share=Share(rank=0, world=1)).evaluation(images)
    gains = balance(built.model, batches, tau, torch.zeros(1, *feed.input.tensor.sizes()))
    kept = [stage.exit for stage in gains if stage.kept]
    report = {"tau": tau, "exits": [{"module": built.modules[s.exit], **s.to_dict()} for s in gains]}
    return keep_exits(config, built, feed.input, num_classes, kept), {"pruning": report}


def balance(model: EarlyExitModel, batches: Iterable[Batch], tau: float, example: Tensor) -> tuple[StageGain, ...]:
    """Return what every exit of `model`, which scores its exits itself, saves and costs at the threshold `tau`."""
    device = next(model.parameters()).device
    trunk = trunk_costs(model, example.to(device))
    heads = head_costs(exit_costs(model, example.to(device)), trunk)
    return stage_gains(_leaves(model, batches, tau, device), trunk, heads)


@torch.no_grad()
def _leaves(model: EarlyExitModel, batches: Iterable[Batch], tau: float, device: torch.device) -> NDArray[np.bool_]:
    model.eval()
    rows = []
    for x, _ in batches:
        outputs = model(x.to(device))
        assert isinstance(outputs, Mapping), "a method with scores of its own"
        rows.append(torch.stack([leaves(score, tau) for score in outputs["scores"][:-1]], 1).cpu().numpy())
    return np.concatenate(rows)


def keep_exits(config: TrainConfig, built: Built, input: Input, num_classes: int, kept: Sequence[int]) -> Built:
    """Return the model with only the early exits numbered in `kept`, whose heads do not depend on one another."""
    if len(kept) == len(built.modules):
        return built
    modules = tuple(built.modules[k] for k in kept)
    smaller = build_model(without_downloads(config), input, num_classes, modules)
    numbers = {str(old): str(new) for new, old in enumerate(kept)}
    state = {_renumbered(name, numbers): tensor for name, tensor in built.model.state_dict().items()}
    smaller.model.load_state_dict({name: tensor for name, tensor in state.items() if name is not None})
    smaller.model.to(next(built.model.parameters()).device)
    smaller.model.eval()
    return smaller


def _renumbered(name: str, numbers: Mapping[str, str]) -> str | None:
    """Return what a tensor is called in the smaller model; None if its exit is gone."""
    if not name.startswith("heads.heads."):
        return name
    number, _, rest = name.removeprefix("heads.heads.").partition(".")
    return f"heads.heads.{numbers[number]}.{rest}" if number in numbers else None
