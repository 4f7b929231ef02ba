"""Running a network once to see what its modules give."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError

_FEATURE_RANKS = (3, 4)  # tokens and maps, with the batch


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What one run of the network showed of a module."""

    order: int  # how many of the sighted modules ended before it did
    runs: int
    reads_tensor: bool  # and not a list of earlier outputs, as the layers of a dense block do
    output: Any
    version: int  # torch's count of in-place changes to the output when the module had just run


def sight(network: nn.Module, names: Sequence[str], example: Tensor) -> dict[str, Sighting]:
    """Run the network on `example` in eval mode and return what the named modules gave; absent ones did not run.

    Raises:
        ConfigError: the network cannot read such images, or does not give logits [B,K].
    """
    seen: dict[str, Sighting] = {}
    handles = [network.get_submodule(name).register_forward_hook(_Note(name, seen)) for name in names]
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        with torch.no_grad():
            output = network(example)
    except (RuntimeError, AssertionError, ValueError, IndexError) as error:
        shape = " x ".join(map(str, example.shape[1:]))
        raise ConfigError(f"the backbone cannot read images of {shape} (channels x height x width): {error}") from error
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    if not isinstance(output, Tensor) or output.ndim != 2:
        raise ConfigError(f"the backbone gives {type(output).__name__}, not logits of one row per image; name another")
    return seen


def is_feature(output: Any, batch: int) -> bool:
    """Say whether `output` is a map or tokens with the batch on axis 0."""
    return isinstance(output, Tensor) and output.ndim in _FEATURE_RANKS and output.shape[0] == batch


class _Note:
    """A hook that writes a module's output down."""

    def __init__(self, name: str, seen: dict[str, Sighting]) -> None:
        self.name = name
        self.seen = seen

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        before = self.seen.get(self.name)
        self.seen[self.name] = Sighting(
            order=len(self.seen) if before is None else before.order,
            runs=1 + (before.runs if before else 0),
            reads_tensor=bool(args) and isinstance(args[0], Tensor),
            output=output,
            version=output._version if isinstance(output, Tensor) else 0,
        )
