"""The fixed networks on a GPU: on the provider that the cascade runs on, opened and fed as its segments are."""

from collections.abc import Sequence

from eeinfer.backends.base import DeviceGraph, GraphOpener, Inputs
from eeinfer.bench.timing.networks import KINDS, ends, write_parts
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.leftovers import temporary_folder


class GpuNetwork:
    """One network and the batches that it is timed on. Calling it runs it on the batch at a position."""

    def __init__(self, graph: DeviceGraph, batches: Sequence[Inputs]) -> None:
        self._graph, self._batches = graph, batches

    def __call__(self, batch: int) -> None:
        """Run it as the cascade is run: from NumPy's memory, until the last exit's answer is on the host."""
        self._graph.run(self._batches[batch])

    def device_ms(self, batch: int) -> float:
        """Return the GPU's own milliseconds, with its outputs left there."""
        return self._graph.device_ms(self._batches[batch])


def gpu_networks(bundle: Bundle, batches: Sequence[Inputs], open_graph: GraphOpener) -> dict[str, GpuNetwork]:
    """Open the network cut at each early exit, without early exits, and with every exit computed.

    Raises:
        ConfigError: the provider does not take one of them.
        DependencyError: the onnx package is missing.
    """
    names = ends(bundle)
    with temporary_folder("eeinfer-networks") as folder:
        paths = write_parts(bundle, names, folder)
        answers = [[f"{kind}_{exits[-1]:02d}" for kind in KINDS] for exits in names.values()]  # of the last exit
        graphs = [open_graph(path, batches[0], read) for path, read in zip(paths, answers, strict=True)]
    return {name: GpuNetwork(graph, batches) for name, graph in zip(names, graphs, strict=True)}
