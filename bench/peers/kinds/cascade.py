"""Our own cascade, as the command line runs it."""

from typing import Any

from eeinfer.bench.peers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.engine import load


class Cascade(Peer):
    """`eeinfer.load` and a call, with one thread pool for the process."""

    note = "eeinfer.load with share_threads, as the command line does it; what it caches per machine is there already"
    packages = ("eeinfer", "onnxruntime", "onnxruntime-gpu", "numpy")

    @classmethod
    def libraries(cls) -> None:
        """Import ONNX Runtime."""
        needs("onnxruntime")

    def __init__(self, setup: Setup) -> None:
        from eeinfer import share_threads

        super().__init__(setup)
        share_threads(setup.threads_asked)
        self._engine = load(setup.bundle, threads=setup.threads_asked)

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the engine at the workload's thresholds."""
        engine, taus = self._engine, workload.taus
        return lambda images: engine(images, tau=taus)

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take them from the result."""
        return raw.exits, raw.predictions

    def every_exit(self, images: Array) -> tuple[Array, Array]:
        """Return scores and predictions [N, E] of all exits."""
        found = self._engine.all_exits(images)
        return found.scores, found.predictions
