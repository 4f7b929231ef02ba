"""From a config to a model: data facts, backbone, exits and heads, all from the config's seed."""

from dataclasses import dataclass

import torch

from eeinfer.bundle.manifest import Input
from eeinfer.errors import ConfigError
from eeinfer.training.backbones import Task, build_backbone, family_size, pretrained_input
from eeinfer.training.config import TrainConfig
from eeinfer.training.data.dataset import Dataset
from eeinfer.training.exits.costs import cost_shares
from eeinfer.training.exits.placement import place_exits, usable_slots
from eeinfer.training.heads.features import feature_specs
from eeinfer.training.methods import build_method, method_class
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.seeds import derived_seed


@dataclass(frozen=True, kw_only=True)
class Built:
    """A model and where its exits ended up."""

    model: EarlyExitModel
    modules: tuple[str, ...]  # tapped modules, without the network's own classifier
    score: str  # what its exits are judged by


def model_input(config: TrainConfig, dataset: Dataset) -> Input:
    """Return what the network reads: size and normalisation of its pretrained weights, else the data set's own.

    A user's own images are scaled down to the size that the backbone's family was made for, where it was for one.
    """
    known = pretrained_input(config.backbone)
    side = config.data.image_size
    size = (side, side) if isinstance(side, int) else side
    family = family_size(config.backbone.name)
    if dataset.folder is not None and family is not None and known is None:
        size = size or (min(family, dataset.size[0]), min(family, dataset.size[1]))
    return dataset.input(size or (known[0] if known else None), known[1] if known else None)


def build_model(config: TrainConfig, input: Input, num_classes: int, modules: tuple[str, ...] | None = None) -> Built:
    """Build the model that `config` describes, with freshly initialised heads.

    Args:
        config: the run.
        input: what the network reads.
        num_classes: K.
        modules: where the exits sit, if that is settled already, as it is in a checkpoint.

    Raises:
        ConfigError: the config does not fit the network; DataError: pretrained weights cannot be fetched.
    """
    kind = method_class(config.method)
    channels, height, width = input.tensor.sizes()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(config.seed, "backbone"))
        backbone = build_backbone(
            config.backbone, Task(in_channels=channels, size=(height, width), num_classes=num_classes)
        )
        example = torch.zeros(2, channels, height, width)
        places = place_exits(backbone, config.exits if modules is None else modules, example)
        specs = feature_specs(backbone, places, example)
        # A stream of their own: heads start the same whatever trained before them.
        torch.manual_seed(derived_seed(config.seed, "heads"))
        heads = build_method(config.method, specs, num_classes)
    model = EarlyExitModel(backbone.network, places, heads)
    score = kind.score if config.method.score == "method" else config.method.score
    if kind.needs_costs:
        heads.take_costs(cost_shares(model, example))
    return Built(model=model, modules=places, score=score)


def count_slots(config: TrainConfig, input: Input, num_classes: int) -> int:
    """Return how many numbered places for exits the backbone of `config` has.

    Raises:
        ConfigError: the backbone is unknown or does not fit.
    """
    channels, height, width = input.tensor.sizes()
    task = Task(in_channels=channels, size=(height, width), num_classes=num_classes)
    with torch.random.fork_rng(devices=[]):
        backbone = build_backbone(config.backbone, task)
    return len(usable_slots(backbone, torch.zeros(2, channels, height, width)))


def check_names(config: TrainConfig) -> None:
    """Refuse an unknown method or option before anything slow starts.

    Raises:
        ConfigError: the method is unknown or does not take an option.
    """
    method_class(config.method)
    if config.precision == "16-mixed" and config.device == "cpu":
        raise ConfigError("precision 16-mixed needs a GPU; on the CPU use bf16-mixed or 32-true")
