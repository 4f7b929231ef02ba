"""Reading what named blocks give, by forward hooks, so that any network can have exits without being rewritten."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn


class Taps:
    """Hooks on named modules of a network; `run` returns what they gave beside the network's own output.

    Hooks stay in place and write only while `run` is under way. They hold no closures, so a deep copy of the
    network and its taps keeps them together.
    """

    def __init__(self, network: nn.Module, names: Sequence[str]) -> None:
        self.caught: list[Any] | None = None
        self.num_taps = len(names)
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

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        if self.taps.caught is not None:
            self.taps.caught[self.index] = output
