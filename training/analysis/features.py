"""What the layers of a backbone give, as matrices: N images by d numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.analysis.images import in_batches
from eeinfer.training.model import EarlyExitModel

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)


def backbone_of(model: nn.Module) -> nn.Module:
    """Return the network without its heads, also of a calibrated model."""
    for module in model.modules():
        if isinstance(module, EarlyExitModel):
            return module.backbone
    raise ConfigError(f"a {type(model).__name__} has no backbone that could be told from its heads")


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the convolutions and linear layers of the backbone by name, in its own order.

    What they give is looked at before normalisation and activation. Layers that a fused kernel passes by give nothing.
    """
    return {name: module for name, module in backbone_of(model).named_modules() if isinstance(module, _LAYERS)}


def layers_before(layers: Sequence[str], module: str) -> int | None:
    """Return how many of the layers have run when `module` has: those up to the last one that is in it.

    None where none of them is, as of the backbone's own classifier.
    """
    inside = [place for place, layer in enumerate(layers) if f"{layer}.".startswith(f"{module}.")]
    return inside[-1] + 1 if inside else None


@torch.no_grad()
def features_of(model: nn.Module, x: Tensor, *, columns: int, seed: int) -> dict[str, Tensor]:
    """Return what every layer gives for images [N,C,H,W]: float32 [N, d] each, in the order in which they run.

    A layer that gives more than `columns` numbers an image is represented by `columns` of them, drawn from the seed
    once a layer and not once a batch: columns that are mixed from batch to batch have a rank of their own.

    Args:
        model: a trained network; it is put into eval mode.
        x: prepared images.
        columns: the largest d.
        seed: of the draw.
    """
    model.eval()
    found: dict[str, list[Tensor]] = {}
    given: dict[str, Tensor] = {}
    chosen: dict[str, Tensor] = {}
    with _watched(layers_of(model), given):
        for batch in in_batches(x):
            model(batch)
            for name, output in given.items():
                rows = output.reshape(len(batch), -1).float()  # windows of one image lie behind one another
                if name not in chosen:
                    draw = torch.Generator().manual_seed(seed)
                    chosen[name] = torch.randperm(rows.shape[1], generator=draw)[:columns].sort().values
                found.setdefault(name, []).append(rows[:, chosen[name]].clone())
    return {name: torch.cat(parts) for name, parts in found.items()}


@contextmanager
def _watched(layers: Mapping[str, nn.Module], given: dict[str, Tensor]) -> Iterator[None]:
    """Note what each layer gives; one that runs more than once is seen as it ran last."""

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _, __, output: given.update({name: output})

    hooks = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
