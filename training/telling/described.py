"""What a run is, in a few lines before it begins."""

import contextlib

import torch

from eeinfer.training.build import Built
from eeinfer.training.config import TrainConfig
from eeinfer.training.data.dataset import Dataset
from eeinfer.training.exits.costs import exit_costs
from eeinfer.training.parts.kept import shown_name
from eeinfer.training.runs.feed import Feed


def describe(config: TrainConfig, dataset: Dataset, built: Built, feed: Feed, device: torch.device) -> str:
    """Return what is trained on what: images, classes, size; exits, parameters, cost of leaving at each; phases."""
    channels, height, width = feed.input.tensor.sizes()
    images = f"{len(feed.train):,} images train, {len(feed.validation):,} select, {len(feed.test):,} test"
    data = dataset.folder or shown_name(config.data.name)
    exits = ", ".join((*built.modules, "classifier"))
    count = sum(parameter.numel() for parameter in built.model.parameters())
    batches = f"{feed.steps} batches of {min(config.data.batch_size, len(feed.train))}"
    epochs = " and ".join(f"{config.phase(number).epochs} in phase {number}" for number in config.phases)
    return "\n".join(
        (
            f"data {data}: {images}; {len(dataset.classes)} classes; {height} x {width} pixels, {channels} channels",
            f"network {shown_name(config.backbone.name)} with {shown_name(config.method.name)}: {count:,} parameters; "
            f"exits after {exits}{_costs(built, feed, device)}",
            f"regime {config.regime}, seed {config.seed}, on {device.type}: epochs at most {epochs}, each of {batches}",
        )
    )


def _costs(built: Built, feed: Feed, device: torch.device) -> str:
    """The cost of leaving at each exit; nothing where a network of the user's own cannot be traced."""
    with contextlib.suppress(Exception):
        costs = exit_costs(built.model, torch.zeros(1, *feed.input.tensor.sizes(), device=device))
        return f"; leaving costs {', '.join(f'{cost / 1e6:.3g}' for cost in costs)} MFLOPs (1 multiply-add = 1)"
    return ""
