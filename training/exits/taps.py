"""Reading what named blocks give, by forward hooks, so that any network can have exits without being rewritten."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, is_grad_enabled, nn

from eeinfer.training.exits.rescaling import balanced


class Taps:
    """Hooks on named modules of a network; `run` returns what they gave beside the network's own output.

    Hooks stay in place and write only while `run` is under way. They hold no closures, so a deep copy of the
    network and its taps keeps them together. With `rescale`, gradients through a tapped output are balanced on their
    way back, as if each tap were an exit and the network's output one more.
    """

    def __init__(self, network: nn.Module, names: Sequence[str], *, rescale: bool = False) -> None:
        self.caught: list[Any] | None = None
        self.num_taps = len(names)
        self.rescale = rescale
        self._handles = [
            network.get_submodule(name).register_forward_hook(_Tap(self, index)) for index, name in enumerate(names)
        ]

    def remove(self) -> None:
        """Take the hooks off the network."""
        for handle in self._handles:
            handle.remove()

    def run(self, network: nn.Module, x: Tensor) -> tuple[list[Any], Any]:
        """Return (outputs of the tapped modules in the order of their names, output of `network`)."""
        self.caught = caught = [None] * self.num_taps
        try:
            output = network(x)
        finally:
            self.caught = None
        return caught, output


class _Tap:
    """A hook that puts a module's output in its place."""

    def __init__(self, taps: Taps, index: int) -> None:
        self.taps = taps
        self.index = index

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Return what the network goes on with; None leaves it as it is."""
        taps, onward = self.taps, None
        if taps.caught is None:
            return None
        if taps.rescale and is_grad_enabled() and isinstance(output, Tensor) and output.requires_grad:
            output, onward = balanced(output, self.index, taps.num_taps + 1)
        taps.caught[self.index] = output
        return onward
